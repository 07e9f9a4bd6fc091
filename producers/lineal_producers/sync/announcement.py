"""Announces a file of a source, or that it was deleted, with the note of it."""

from __future__ import annotations

from lineal.admission import admit
from lineal.bus.claim_check import check_in
from lineal.runtime import Runtime
from lineal_producers.admission_policies import FILES
from lineal_producers.arrival import Arrival, ArrivalSource, announce, readable_name
from lineal_producers.settings import ArrivalSettings
from lineal_producers.sync.effects import FileSynced
from lineal_producers.sync.metadata import SourceMetadata
from lineal_producers.sync.synced_files import SyncedFile, synced_files
from lineal_schemas.documents import DocumentSourceDeleted
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.objects import ObjectRef
from lineal_schemas.salt import new_salt


async def announce_file(
    runtime: Runtime,
    *,
    bucket: str,
    name: str,
    source: str,
    file_name: str,
    version: str,
    actor: str,
    metadata: SourceMetadata,
    content: ObjectRef | None = None,
    problem: str | None = None,
) -> Arrival:
    """Announce a version of a file, under the same id if it is tried again. A version that comes
    back after it was deleted is another arrival.

    Raises:
        As :func:`lineal_producers.arrival.announce`.
    """
    before = (await synced_files(runtime, bucket, name=name)).get(name)
    returned = f"\nafter {before.version}" if before is not None and before.deleted else ""
    origin = ArrivalSource(
        name=readable_name(file_name),
        source=source,
        actor=actor,
        occurrence=f"{version}{returned}",
        tenant=runtime.settings.section(ArrivalSettings).tenant,
        owner=metadata.owner,
        labels=metadata.labels,
        readers=metadata.readers,
    )
    return await announce(
        runtime,
        origin,
        content=content,
        problem=problem,
        effects=lambda arrival: [
            FileSynced(bucket, name, version, arrival.document_id, arrival.event_id, now_us())
        ],
    )


async def announce_deletion(
    runtime: Runtime,
    *,
    bucket: str,
    name: str,
    source: str,
    noted: SyncedFile,
    actor: str,
    hides: bool,
) -> None:
    """Announce that a file was deleted, under the same id if it is tried again.

    Raises:
        BusUnavailable, StoreUnavailable: the event could not be written; announce it again.
    """
    document_id, arrival = noted.document_id, noted.event_id
    assert document_id is not None and arrival is not None
    payload = DocumentSourceDeleted(
        document_id=document_id, source=source, arrival=arrival, hides=hides, salt=new_salt()
    )
    identifier = arrival_id(source, "deleted", arrival)
    event = admit(
        first_event(payload, id=identifier, source=source), FILES, payload=payload, actor=actor
    )
    output = payload.type, await check_in(event, runtime.objects)
    deleted = FileSynced(bucket, name, noted.deletion(), document_id, arrival, now_us())
    await runtime.committer.publish([output], [deleted])
