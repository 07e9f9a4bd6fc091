"""Asks for packages to be checked as they stand now: an act of a person, or of an erasure."""

from __future__ import annotations

from collections.abc import Iterable

from lineal.access.credential import Credential
from lineal.observability.tracing import first_traceparent
from lineal.runtime import Runtime
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.packages import PackageCheckRequested


async def request_checks(
    runtime: Runtime, packages: Iterable[tuple[str, str]], by: Credential, source: str
) -> int:
    """Publish a request for each package; how many.

    Args:
        packages: their names and cases.
        source: the ingress: ``lineal:cli/package``, ``lineal:http``.
    """
    now = now_us()
    events = []
    for package, case in packages:
        request = PackageCheckRequested(package=package, case=case, by=by.actor, requested_us=now)
        identifier = arrival_id(source, request.partition_key(), str(now))
        event = first_event(
            request,
            id=identifier,
            source=source,
            actor=by.actor,
            traceparent=first_traceparent(request.correlation_key(), identifier),
        )
        events.append((event.type, event))
    if events:
        await runtime.bus.publish(events)
    return len(events)
