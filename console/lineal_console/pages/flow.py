"""The flow: stages and topics as a graph, live; events of a topic; what an event caused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from urllib.parse import quote

import orjson
from starlette.responses import JSONResponse, Response

from lineal.errors import UnknownTopic
from lineal.lineage.graph import GraphStep
from lineal.lineage.ledger import steps_of_event
from lineal.proof.errors import LogInconsistent
from lineal.stages.discovery import installed_stages
from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_console.drawn_lineage import drawn_lineage
from lineal_console.event_graph import event_graph
from lineal_console.event_reading import event_at, find_event, newest_events
from lineal_console.flow_state import EMBEDDED, FlowReader, FlowState, drawn_flow
from lineal_console.page import Page
from lineal_console.page_request import PageRequest, event
from lineal_console.proof_state import ProvenGraph, proven_graph

FLOW = Page("flow", "Flow", section="flow", order=10)
_LOOK_SECONDS, _BROKER_LOOK_SECONDS = 0.5, 2.0
"""To ask a broker for all its topics costs more than to look into the embedded bus."""
_NEWEST = 50
_FIND_SECONDS = 10.0
_STEPS = 100
"""Of a story that are shown: a device's has no end."""


@FLOW.get()
async def flow(request: PageRequest) -> Response:
    """The graph, and the same as tables."""
    state = await flow_reader(request).read()
    return request.render("flow.html", state=state)


@FLOW.get("/graph")
async def graph(request: PageRequest) -> Response:
    """The graph as nodes and edges."""
    return JSONResponse(drawn_flow(await flow_reader(request).read(), request.text))


@FLOW.get("/live")
async def live(request: PageRequest) -> Response:
    """Server-sent events: the tables, and the graph's nodes and edges, whenever they change."""
    return request.events(_live(request))


async def _live(request: PageRequest) -> AsyncIterator[str]:
    embedded = request.runtime.settings.bus == EMBEDDED
    seconds = _LOOK_SECONDS if embedded else _BROKER_LOOK_SECONDS
    feed = request.console.feeds.feed("flow", flow_reader(request).read, seconds)
    async for state in feed.watch():
        if state is None:
            yield ": nothing new\n\n"
            continue
        yield event("tables", request.html("flow_tables.html", state=state))
        yield f"event: graph\ndata: {orjson.dumps(drawn_flow(state, request.text)).decode()}\n\n"


def flow_reader(request: PageRequest) -> FlowReader:
    """Reads the state of all installed stages; the same for all pages, which remembers."""

    def make() -> FlowReader:
        stages = sorted(installed_stages().values(), key=lambda stage: stage.name)
        return FlowReader(request.runtime, stages)

    return request.console.shared("flow", make)


@FLOW.get("/topics/{topic:path}", act="redrive")
async def topic(request: PageRequest) -> Response:
    """The newest events of a topic. Who reads events reads what documents say, so this takes more
    than reading documents."""
    name = request.path("topic")
    infos = {info.topic: info for info in await request.runtime.bus.topics()}
    events = []
    if name in infos:
        events = await newest_events(request.runtime, infos[name], _NEWEST)
    return request.render("flow_topic.html", name=name, info=infos.get(name), events=events)


@FLOW.get("/events/{partition:int}/{offset:int}/{topic:path}", act="redrive")
async def one_event(request: PageRequest) -> Response:
    """An event, what made it, and what it caused."""
    name = request.path("topic")
    place = int(request.path("partition")), int(request.path("offset"))
    try:
        found = await event_at(request.runtime, name, *place)
    except UnknownTopic as error:
        raise request.missing(str(error)) from error
    if found is None:
        raise request.missing(request.text("There is no event at this place, or no more."))
    shown = found.event
    near = await _proven(request, partial(event_graph, event_id=shown.id, max_steps=_STEPS))
    made: list[GraphStep] = []
    handled: list[GraphStep] = []
    if not isinstance(near, str):
        made = [step for step in near.graph.steps if shown.id in step.record.events_out]
        handled = [step for step in near.graph.steps if shown.id in step.record.events_in]
    # Of what has a short story all, of what has a long one what this event has to do with.
    whole = await _proven(
        request, partial(proven_graph, subject=shown.correlationid, newest=_STEPS + 1)
    )
    short = not isinstance(whole, str) and len(whole.records) <= _STEPS
    fields = orjson.loads(shown.to_json())
    data = fields.pop("data", None)
    return request.render(
        "flow_event.html",
        topic=name,
        position=found.position,
        event=shown,
        attributes=fields,
        data=data if isinstance(data, str) else _indented(data),
        made=made,
        handled=handled,
        proven=whole if short else near,
        lineage_url=f"{FLOW.url}/lineage/{quote(shown.correlationid)}"
        if short
        else f"{FLOW.url}/caused/{quote(shown.id, safe='')}",
        subject_url=subject_url(shown.correlationid),
    )


@FLOW.get("/caused/{id}", act="redrive")
async def caused(request: PageRequest) -> Response:
    """What made an event and what it caused, as nodes and edges."""
    look = partial(event_graph, event_id=request.path("id"), max_steps=_STEPS)
    found = await request.runtime.store.read(look)
    return JSONResponse(drawn_lineage(found, request.text))


@FLOW.get("/event/{id}", act="redrive")
async def event_by_id(request: PageRequest) -> Response:
    """To the page of an event that a stage has emitted."""
    wanted = request.path("id")
    steps = await request.runtime.store.read(partial(steps_of_event, event_id=wanted))
    stages = installed_stages()
    types = [
        payload.type
        for step in steps
        if wanted in step.events_out and step.build is not None and step.build.stage in stages
        for payload in stages[step.build.stage].produces
    ]
    try:
        async with asyncio.timeout(_FIND_SECONDS):
            found = await find_event(request.runtime, wanted, types)
    except TimeoutError:
        found = None
    if found is None:
        raise request.missing(request.text("The event was not found: it may be gone."))
    topic, position = found
    return request.redirect(
        f"{FLOW.url}/events/{position.partition}/{position.offset}/{quote(topic)}"
    )


@FLOW.get("/subjects/{subject:path}", act="redrive")
async def subject(request: PageRequest) -> Response:
    """The lineage of anything: an order, a device, a model."""
    wanted = request.path("subject")
    proven = await _proven(request, partial(proven_graph, subject=wanted))
    if not isinstance(proven, str):
        proven = proven.part(max(0, len(proven.records) - _STEPS), len(proven.records))
    return request.render("flow_subject.html", subject=wanted, proven=proven, most=_STEPS)


@FLOW.get("/lineage/{subject:path}", act="redrive")
async def lineage(request: PageRequest) -> Response:
    """The same as nodes and edges."""
    wanted = request.path("subject")
    proven = await request.runtime.store.read(lambda c: proven_graph(c, wanted))
    steps = len(proven.records)
    first = request.number("first", max(0, steps - _STEPS))
    end = request.number("end", steps)
    return JSONResponse(drawn_lineage(proven.part(first, min(end, first + _STEPS)), request.text))


async def _proven(
    request: PageRequest, look: Callable[[Connection], ProvenGraph]
) -> ProvenGraph | str:
    try:
        return await request.runtime.store.read(look)
    except LogInconsistent as error:
        return str(error)


def subject_url(subject: str) -> str:
    """The page about a subject: of a document its own."""
    if subject.startswith(DOCUMENT):
        return f"/console/documents/{subject.removeprefix(DOCUMENT)}"
    return f"/console/flow/subjects/{quote(subject)}"


def _indented(data: object) -> str:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()


__all__ = ["FLOW", "FlowState", "subject_url"]
