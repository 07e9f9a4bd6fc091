"""Store bytes that arrived, and publish ``document.arrived`` for them.

The bytes are durable before the event is, and the event before :func:`announce` returns: an arrival
that was acknowledged is never lost, and one that was not may be announced again under the same id.
What a producer notes of it becomes durable with the event.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from lineal.admission import admit
from lineal.bus.claim_check import check_in
from lineal.bus.protocol import Addressed
from lineal.effects.effect import Effect
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal.store.store_secret import ARRIVAL_IDS, store_secret
from lineal_producers.admission_policies import FILES
from lineal_producers.quota.usage import QuotaExceeded, arrival_effects
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import secret_arrival_id
from lineal_schemas.objects import ObjectRef
from lineal_schemas.salt import new_salt

UNKNOWN_MEDIA_TYPE = "application/octet-stream"
"""What a file is, is found out from its bytes, by a stage; never from its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalSource:
    """The source of a file, with the metadata that its producer gives.

    Attributes:
        name: as its owner knows it; see :func:`readable_name`. Never used as a path.
        source: URI of where it came from.
        actor: who sends it, by what they have shown; of a folder or a bucket, the process that
            watches it.
        readers: who may see it beside its owners; None: everybody who may read documents.
        occurrence: tells two arrivals of the same bytes from the same source apart; a producer
            that tries again passes the same one.
    """

    name: str
    source: str
    actor: str
    occurrence: str
    tenant: str = "default"
    owner: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    readers: Sequence[str] | None = None


class Arrival(NamedTuple):
    """An arrival that is on the bus."""

    document_id: str
    event_id: str
    name: str


def readable_name(name: str) -> str:
    """A file name as valid Unicode: bytes that are not UTF-8 become escapes like ``\\xff``."""
    try:
        raw = os.fsencode(name)
    except UnicodeEncodeError:
        raw = name.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


async def store(
    runtime: Runtime, stream: BinaryIO, media_type: str = UNKNOWN_MEDIA_TYPE
) -> ObjectRef:
    """Copy a stream into the object store, whatever its size; durable on return.

    Args:
        media_type: where the way it came by leaves no doubt, as of a message in a mailbox.

    Raises:
        OSError: the stream cannot be read, or there is no room; nothing is kept.
    """
    stored = await runtime.objects.put_file(stream)
    return reference(stored.sha256, stored.bytes, media_type)


async def announce(
    runtime: Runtime,
    origin: ArrivalSource,
    *,
    content: ObjectRef | None = None,
    problem: str | None = None,
    effects: Sequence[Effect] | Callable[[Arrival], Sequence[Effect]] = (),
    attended: bool = False,
    also: Callable[[Arrival], Awaitable[Sequence[Addressed]]] | None = None,
    identifier: str | None = None,
) -> Arrival:
    """Publish that a file arrived: with its stored ``content``, or with the ``problem`` that kept
    it from being read, in words without personal data.

    Args:
        effects: what the producer notes of it, or what makes that of the arrival; in one
            transaction with the event where the bus has one with the store.
        attended: somebody waits for the answer, and is told that a quota is used up. Else the
            arrival has that as its problem: it is rejected, and found beside the others.
        also: makes further events that are published together with it.
        identifier: the id under which it arrived before, where it is the same arrival.

    Raises:
        QuotaExceeded: its owner has as much as they may have, and it is attended.
        BusUnavailable, StoreUnavailable: the event could not be written (a full disk); announce
            it again.
    """
    if (content is None) == (problem is None):
        raise ValueError("an arrival has either content or a problem")
    payload = DocumentArrived(
        name=origin.name,
        source=origin.source,
        tenant=origin.tenant,
        owner=origin.owner,
        labels=dict(origin.labels),
        readers=None if origin.readers is None else tuple(origin.readers),
        content=content,
        problem=problem,
        salt=new_salt(),
    )
    if identifier is None:
        secret = await store_secret(runtime.store, ARRIVAL_IDS)
        sha256 = content.sha256 if content else ""
        identifier = secret_arrival_id(secret, origin.source, sha256, origin.occurrence)
    event = admit(
        first_event(payload, id=identifier, source=origin.source),
        FILES,
        payload=payload,
        actor=origin.actor,
    )
    outputs: list[Addressed] = [(payload.type, await check_in(event, runtime.objects))]
    arrival = Arrival(payload.document_id, identifier, origin.name)
    noted = effects(arrival) if callable(effects) else effects
    if also is not None:
        outputs += await also(arrival)
    if content is not None:
        taken = arrival_effects(runtime, origin.owner, arrival.document_id, content.bytes)
        noted = [*noted, *taken]
    try:
        await runtime.committer.publish(outputs, noted)
    except QuotaExceeded as error:
        if attended:
            raise
        return await announce(runtime, origin, problem=str(error), effects=effects, also=also)
    return arrival
