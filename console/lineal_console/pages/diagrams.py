"""Diagrams that a crawl has found: which services they show, and what pages say of them."""

from __future__ import annotations

from functools import partial

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal_catalog.diagrams.correction import correct_diagram
from lineal_catalog.diagrams.search import UnknownDiagram, diagram_at, find_diagrams
from lineal_console.page import Page
from lineal_console.page_request import PageRequest

DIAGRAMS = Page("diagrams", "Diagrams", section="documents", order=50)
_MOST = 200


@DIAGRAMS.get()
async def list_diagrams(request: PageRequest) -> Response:
    """All diagrams, or those that show a service, or of which some words are said."""
    text, service = request.query("q").strip(), request.query("service").strip()
    hits = await request.runtime.store.read(
        partial(find_diagrams, text=text, services=[service] if service else [], limit=_MOST + 1)
    )
    return request.render(
        "diagrams.html",
        diagrams=[hit.diagram for hit in hits[:_MOST]],
        more=len(hits) > _MOST,
        text=text,
        service=service,
    )


@DIAGRAMS.get("/one")
async def show_diagram(request: PageRequest) -> Response:
    """One diagram."""
    try:
        found = await request.runtime.store.read(partial(diagram_at, url=request.query("url")))
    except UnknownDiagram as error:
        raise request.missing(request.text("There is no diagram at this address.")) from error
    return request.render("diagram.html", diagram=found)


@DIAGRAMS.post("/correct", act="review")
async def correct(request: PageRequest) -> Response:
    """Say which services it shows; none: it is no diagram."""
    form = await request.form()
    lines = str(form.get("services", "")).splitlines()
    services = [line.strip() for line in lines if line.strip()]
    try:
        await correct_diagram(
            request.runtime, str(form.get("url", "")), services, request.credential
        )
    except UnknownDiagram as error:
        raise request.missing(request.text("There is no diagram at this address.")) from error
    except ValidationError as error:
        raise HTTPException(
            422, request.text("A service has a name, and not a long one.")
        ) from error
    return request.redirect(DIAGRAMS.url, request.text("The diagram is corrected."))
