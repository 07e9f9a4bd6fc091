"""Announces a file of a source, or that it was deleted, with the note of it."""

from __future__ import annotations

from lineal.admission import admit
from lineal.bus.claim_check import check_in
from lineal.bus.protocol import Addressed
from lineal.runtime import Runtime
from lineal.store.store_secret import ARRIVAL_IDS, store_secret
from lineal_producers.admission_policies import FILES
from lineal_producers.arrival import Arrival, ArrivalSource, announce, readable_name
from lineal_producers.settings import ArrivalSettings
from lineal_producers.sync.effects import FileSynced
from lineal_producers.sync.metadata import SourceMetadata
from lineal_producers.sync.settings import Deleted
from lineal_producers.sync.synced_files import SyncedFile, synced_files
from lineal_schemas.documents import DocumentSourceDeleted
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import document_id, secret_arrival_id
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
    deleted: Deleted = "mark",
) -> Arrival:
    """Announce a version of a file, under the same id if it is tried again. A version that comes
    back after another, or after it was deleted, is another arrival.

    Args:
        deleted: what becomes of the document that was there before, if it is another one.

    Raises:
        As :func:`lineal_producers.arrival.announce`.
    """
    before = (await synced_files(runtime, bucket, name=name)).get(name)
    tenant = runtime.settings.section(ArrivalSettings).tenant
    document = None if content is None else document_id(tenant, content.sha256)
    again = before is not None and (before.version, before.document_id) == (version, document)
    after = f"\nafter {before.version}" if before is not None and not again else ""
    origin = ArrivalSource(
        name=readable_name(file_name),
        source=source,
        actor=actor,
        occurrence=f"{version}{after}",
        tenant=tenant,
        owner=metadata.owner,
        labels=metadata.labels,
        readers=metadata.readers,
    )

    async def replacement(arrival: Arrival) -> list[Addressed]:
        """That the document that was there before is there no longer."""
        if before is None or before.deleted or deleted == "ignore" or before.document_id is None:
            return []
        if before.document_id == arrival.document_id:
            return []
        return [
            await _deletion(
                runtime,
                source=source,
                noted=before,
                actor=actor,
                hides=deleted == "hide",
                replaced_by=arrival.document_id,
            )
        ]

    return await announce(
        runtime,
        origin,
        content=content,
        problem=problem,
        effects=lambda arrival: [
            FileSynced(bucket, name, version, arrival.document_id, arrival.event_id, now_us())
        ],
        also=replacement,
        identifier=before.event_id if before is not None and again else None,
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
    former, arrival = noted.document_id, noted.event_id
    assert former is not None and arrival is not None
    output = await _deletion(runtime, source=source, noted=noted, actor=actor, hides=hides)
    deleted = FileSynced(bucket, name, noted.deletion(), former, arrival, now_us())
    await runtime.committer.publish([output], [deleted])


async def _deletion(
    runtime: Runtime,
    *,
    source: str,
    noted: SyncedFile,
    actor: str,
    hides: bool,
    replaced_by: str | None = None,
) -> Addressed:
    """The event that what was noted is not in its source any more."""
    former, arrival = noted.document_id, noted.event_id
    assert former is not None and arrival is not None
    payload = DocumentSourceDeleted(
        document_id=former,
        source=source,
        arrival=arrival,
        hides=hides,
        replaced_by=replaced_by,
        salt=new_salt(),
    )
    secret = await store_secret(runtime.store, ARRIVAL_IDS)
    identifier = secret_arrival_id(secret, source, "deleted", arrival)
    event = admit(
        first_event(payload, id=identifier, source=source), FILES, payload=payload, actor=actor
    )
    return payload.type, await check_in(event, runtime.objects)
