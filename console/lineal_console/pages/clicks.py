"""Visits whose clicks robots have made, and what people know of them."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.events_on_topic import events_on_topic
from lineal_catalog.clicks.visits import UnknownVisit, closed_visits, label_visit
from lineal_console.event_reading import newest_of_type
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_schemas.clicks import ClickInvalid, VisitLabelled

CLICKS = Page("clicks", "Clicks", act="review", section="models", order=60)
_SOURCE = "lineal:console/clicks"
_NEWEST = 500


@CLICKS.get()
async def clicks(request: PageRequest) -> Response:
    """The newest visits that were a robot's."""
    text = request.query("q").strip()
    withdrawn = bool(request.query("withdrawn"))
    found: dict[tuple[str, int], ClickInvalid] = {}
    for event in await newest_of_type(request.runtime, ClickInvalid, _NEWEST):
        found.setdefault((event.data.visitor, event.data.begin_us), event.data)
    visits = [
        visit
        for visit in found.values()
        if visit.withdrawn == withdrawn and text.casefold() in visit.visitor.casefold()
    ]
    return request.render("clicks.html", visits=visits, text=text, withdrawn=withdrawn)


@CLICKS.get("/one")
async def visitor(request: PageRequest) -> Response:
    """A visitor's windows, with what they look like."""
    wanted = request.query("visitor")
    visits = await closed_visits(request.runtime, wanted)
    verdicts: dict[int, ClickInvalid] = {}
    async for event in events_on_topic(request.runtime, ClickInvalid, wanted):
        verdicts[event.data.begin_us] = event.data
    labels: dict[int, VisitLabelled] = {}
    async for said in events_on_topic(request.runtime, VisitLabelled, wanted):
        labels[said.data.begin_us] = said.data
    if not (visits or verdicts):
        raise request.missing(request.text("There are no visits of this visitor, or no more."))
    return request.render(
        "visitor.html", visitor=wanted, visits=visits, verdicts=verdicts, labels=labels
    )


@CLICKS.post("/label")
async def label(request: PageRequest) -> Response:
    """Say who has made a visit."""
    form = await request.form()
    visitor, begin = str(form.get("visitor", "")), str(form.get("begin", ""))
    said = str(form.get("by", ""))
    if not (begin.isascii() and begin.isdigit() and len(begin) < 19) or said not in (
        "person", "robot"
    ):  # fmt: skip
        raise HTTPException(400, request.text("Say which visit, and whether a robot made it."))
    try:
        await label_visit(
            request.runtime, visitor, int(begin), said == "robot", request.credential, _SOURCE
        )
    except UnknownVisit as error:
        raise request.missing(str(error)) from error
    return request.redirect(CLICKS.url, request.text("What you said is learnt from."))
