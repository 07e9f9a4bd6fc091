"""Publishes what somebody decided or asked for, each with a record.

Stages act upon such events, and many are of types that stages make as well: without a record nobody
could tell what a person asked for from what was forged.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.effects.records import lineage_records
from lineal.lineage.actor import acting_user
from lineal.lineage.published import record_of_event
from lineal.lineage.record import ACT
from lineal.observability.tracing import first_traceparent
from lineal.runtime import Runtime
from lineal_schemas.envelope import RawEvent, first_event
from lineal_schemas.payload import Payload


async def publish_acts(runtime: Runtime, events: Sequence[RawEvent]) -> None:
    """Publish events that are acts, and put them on record as their actors'; of one call all or
    none.

    Raises:
        As :meth:`lineal.bus.protocol.Bus.publish`.
    """
    records = [record_of_event(event, ACT, event.actor or acting_user()) for event in events]
    await runtime.committer.publish(
        [(event.type, event) for event in events], lineage_records(records)
    )


async def publish_act(
    runtime: Runtime, payload: Payload, *, id: str, source: str, actor: str
) -> RawEvent:
    """Publish one act, at the beginning of a trace of its own; returns its event.

    Args:
        id: of the event, derived from what the act is, so that it counts once.
        source: the ingress: ``lineal:cli/photo``, ``lineal:http``.
        actor: who acts, by the credential that was shown.

    Raises:
        As :func:`publish_acts`.
    """
    event = first_event(
        payload,
        id=id,
        source=source,
        actor=actor,
        traceparent=first_traceparent(payload.correlation_key() or id, id),
    )
    await publish_acts(runtime, [event])
    return event
