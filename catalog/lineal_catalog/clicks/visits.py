"""Takes down what somebody knows of a visit: whether a robot made its clicks."""

from __future__ import annotations

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.errors import LinealError
from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal_schemas.clicks import VisitClosed, VisitLabelled
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id


class UnknownVisit(LinealError, LookupError):
    """A visitor has no such window, or its event is no longer on the bus."""


async def closed_visits(runtime: Runtime, visitor: str) -> list[VisitClosed]:
    """The windows of a visitor, each as it was corrected last; the newest first."""
    found: dict[int, VisitClosed] = {}
    async for event in events_on_topic(runtime, VisitClosed, visitor):
        before = found.get(event.data.begin_us)
        if before is None or before.revision <= event.data.revision:
            found[event.data.begin_us] = event.data
    return [found[begin] for begin in sorted(found, reverse=True)]


async def label_visit(
    runtime: Runtime, visitor: str, begin_us: int, robotic: bool, by: Credential, source: str
) -> VisitLabelled:
    """Say who made a visit; the model of clicks learns from it.

    Args:
        begin_us: of its window, microseconds since the Unix epoch.
        source: the ingress: ``lineal:console/clicks``.

    Raises:
        NotPermitted: they may not.
        UnknownVisit: there is none.
    """
    by.require("review")
    visits = {visit.begin_us: visit for visit in await closed_visits(runtime, visitor)}
    if begin_us not in visits:
        raise UnknownVisit(f"{visitor!r} has no visit that began then")
    visit, now = visits[begin_us], now_us()
    labelled = VisitLabelled(
        visitor=visitor, begin_us=begin_us, end_us=visit.end_us, features=visit.features,
        robotic=robotic, by=by.actor, labelled_us=now,
    )  # fmt: skip
    identifier = arrival_id(source, f"{visitor}/{begin_us}", f"{robotic}\n{now}")
    await publish_act(runtime, labelled, id=identifier, source=source, actor=by.actor)
    return labelled
