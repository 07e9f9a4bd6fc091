"""One document: its pages with what was found on them, its lineage, and its files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, NamedTuple

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from lineal.errors import ObjectMissing
from lineal.lineage.record import Artifact
from lineal.proof.errors import LogInconsistent
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.describing import UnfitLabel
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import (
    DocumentInfo,
    ErasedDocument,
    UnknownDocument,
    attachments_of,
    find_document,
    is_visible_to,
    parents_of,
)
from lineal_catalog.documents.renditions import ANALYSIS, FIELDS, RENDITIONS, find_renditions
from lineal_catalog.pages.find import each_word, find_places
from lineal_catalog.pages.page_cache import PageCache
from lineal_catalog.pages.view import StoredPages
from lineal_catalog.reviews.descriptions import TYPE, correct_description
from lineal_catalog.reviews.field_corrections import NotCorrected
from lineal_catalog.reviews.item_state import ReviewConflict
from lineal_catalog.reviews.queries import UnknownReview
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_console.document_page_values import page_values
from lineal_console.document_state import document_state, waiting_reviews
from lineal_console.drawn_lineage import drawn_lineage
from lineal_console.page import Page
from lineal_console.page_request import PageRequest, event
from lineal_console.proof_state import ProvenGraph, proven_graph

DOCUMENT_PAGE = Page("documents", "Document")
_MAX_GIVEN_BOXES = 50
_MAX_LABELS = 50
_LOOKS, _LOOK_SECONDS = 20, 0.1
_FOLLOW_SECONDS = 1.0
LAYERS = ("words", "doubts", "fields", "entities", "tables", "found")


class StoredResult(NamedTuple):
    """What was read of a document, and what was found in it; gzipped JSON."""

    result: bytes | None
    analysis: bytes | None
    fields: bytes | None = None
    """The fields that are declared for its class; JSON."""


async def asked_document(request: PageRequest) -> DocumentInfo:
    """The document of the address, if who asks may see it.

    Raises:
        HTTPException: 404, there is none; 410, it was erased.
    """
    wanted = request.path("id")
    try:
        return await request.runtime.store.read(
            partial(find_document, wanted=wanted, names=request.names)
        )
    except ErasedDocument as error:
        raise HTTPException(410, str(error)) from error
    except UnknownDocument as error:
        raise HTTPException(404, str(error)) from error


@DOCUMENT_PAGE.get("/{id}")
async def show_document(request: PageRequest) -> Response:
    """The page of a document."""
    info = await asked_document(request)
    state = await request.runtime.store.read(
        partial(document_state, info.document_id, request.names)
    )

    def look(connection: Connection) -> dict[str, Any]:
        parents = parents_of(connection, info.document_id)
        return {
            "awaited": waiting_reviews(connection, info.document_id, request.names),
            "forms": find_renditions(connection, info.document_id),
            "proven": _lineage(connection, info.document_id),
            "parents": [
                item
                for item in parents
                if is_visible_to(connection, item.document_id, request.names)
            ],
            "attachments": attachments_of(connection, info.document_id),
        }

    found = await request.runtime.store.read(look)
    stored = await stored_result(request, found["forms"])
    number = request.number("page", 1, minimum=1)
    find = request.query("find")
    pages = await _pages(request, found["forms"], stored)
    return request.render(
        "document.html",
        document=info,
        renditions=[name for name in RENDITIONS if name in found["forms"]],
        pages=0 if pages is None else pages.count,
        layers=LAYERS,
        state=state,
        **await page_values(
            pages, stored.analysis, stored.fields, number, find, _given_boxes(request)
        ),
        **found,
    )


@DOCUMENT_PAGE.get("/{id}/changes")
async def follow(request: PageRequest) -> Response:
    """Server-sent events ``changed``: something else is known of it than was shown."""
    info = await asked_document(request)
    names = request.names

    async def look() -> str:
        await request.runtime.flush_ledger()
        return await request.runtime.store.read(partial(document_state, info.document_id, names))

    feed = request.console.feeds.feed(("document", info.document_id, names), look, _FOLLOW_SECONDS)

    async def changes() -> AsyncIterator[str]:
        shown = request.query("shown")
        async for state in feed.watch():
            if state is None:
                yield ": nothing new\n\n"
            elif state != shown:
                shown = state
                yield event("changed", "")

    return request.events(changes())


@DOCUMENT_PAGE.post("/{id}/description", act="review")
async def describe_document(request: PageRequest) -> Response:
    """Give it tags and labels, or take them away."""
    info = await asked_document(request)
    form = await request.form()
    tags = {part.strip() for part in str(form.get("tags", "")).split(",")} - {""}
    said = {
        str(form.get(f"key {number}", "")).strip(): str(form.get(f"value {number}", "")).strip()
        for number in range(_MAX_LABELS)
    }
    known = {**info.labels, TYPE: str(info.attributes.get("document_class", ""))}
    said = {key: text for key, text in said.items() if key and text != known.get(key, "")}
    url = f"{DOCUMENT_PAGE.url}/{info.document_id}"
    add, remove = sorted(tags - set(info.tags)), sorted(set(info.tags) - tags)
    if not (add or remove or said):
        return request.redirect(url)
    try:
        await correct_description(
            request.runtime, info.document_id, Reviewer.of(request.credential), "lineal:http",
            add=add, remove=remove, labels=said,
        )  # fmt: skip
    except (UnfitLabel, ValidationError, UnknownReview, ReviewConflict, NotCorrected) as error:
        problem = str(error)
        if isinstance(error, ValidationError):
            problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        return request.redirect(url, request.text("Not changed: %(problem)s", problem=problem))
    await _taken_in(request, info)
    return request.redirect(url, request.text("Tags and labels are changed."))


async def _taken_in(request: PageRequest, before: DocumentInfo) -> None:
    """Wait a moment for the stage, so that the page shows what was said."""
    look = partial(find_document, wanted=before.document_id, names=request.names)
    for _ in range(_LOOKS):
        await asyncio.sleep(_LOOK_SECONDS)
        await request.runtime.flush_ledger()
        now = await request.runtime.store.read(look)
        if (now.tags, now.labels, now.attributes.get("document_class")) != (
            before.tags, before.labels, before.attributes.get("document_class"),
        ):  # fmt: skip
            return


@DOCUMENT_PAGE.get("/{id}/page")
async def show_page(request: PageRequest) -> Response:
    """One page of it, as a part of the document's page."""
    info = await asked_document(request)
    renditions = await _renditions(request, info)
    stored = await stored_result(request, renditions)
    pages = await _pages(request, renditions, stored)
    values = await page_values(
        pages, stored.analysis, stored.fields, request.number("page", 1, minimum=1),
        request.query("find"),
    )  # fmt: skip
    return request.render("document_page.html", document=info, **values)


@DOCUMENT_PAGE.get("/{id}/find")
async def find_inside(request: PageRequest) -> Response:
    """The places of a text in it."""
    info = await asked_document(request)
    stored = await stored_result(request, await _renditions(request, info))
    find = request.query("find")
    places = []
    if stored.result is not None:
        places = await asyncio.to_thread(find_places, stored.result, find)
        if not places and len(find.split()) > 1:  # nowhere in a row: each by itself
            find = each_word(find)
            places = await asyncio.to_thread(find_places, stored.result, find)
    return request.render("document_find.html", document=info, places=places, find=find)


@DOCUMENT_PAGE.get("/{id}/lineage")
async def lineage(request: PageRequest) -> Response:
    """Its lineage as nodes and edges."""
    info = await asked_document(request)
    proven = await request.runtime.store.read(
        lambda c: proven_graph(c, DOCUMENT + info.document_id)
    )
    return JSONResponse(drawn_lineage(proven, request.text))


async def stored_result(request: PageRequest, renditions: dict[str, Artifact]) -> StoredResult:
    """What was read of a document; None for what there is not, or not any more."""
    found = []
    for name in ("json", ANALYSIS, FIELDS):
        item = renditions.get(name)
        try:
            found.append(
                None
                if item is None
                else await request.runtime.objects.get(
                    reference(item.sha256, item.bytes, item.media_type)
                )
            )
        except ObjectMissing:
            found.append(None)
    return StoredResult(*found)


async def _pages(
    request: PageRequest, renditions: dict[str, Artifact], stored: StoredResult
) -> StoredPages | None:
    """The pages of what was read; None where nothing was."""
    if stored.result is None:
        return None
    cache: PageCache = request.request.app.state.page_cache
    return await cache.pages(renditions["json"].sha256, stored.result)


async def _renditions(request: PageRequest, info: DocumentInfo) -> dict[str, Artifact]:
    return await request.runtime.store.read(partial(find_renditions, document_id=info.document_id))


def _lineage(connection: Connection, document_id: str) -> ProvenGraph | str:
    """The lineage, or why it is not shown."""
    try:
        return proven_graph(connection, DOCUMENT + document_id)
    except LogInconsistent as error:
        return str(error)


def _given_boxes(request: PageRequest) -> list[list[float]]:
    """The places that another page's link has marked: ``box=LEFT,TOP,WIDTH,HEIGHT`` in fractions of
    the page, as often as there are lines."""
    found = []
    for text in request.queries("box")[:_MAX_GIVEN_BOXES]:
        try:
            sides = [float(side) for side in text.split(",")]
        except ValueError:
            continue
        if len(sides) == 4 and all(0 <= side <= 1 for side in sides):
            found.append(sides)
    return found
