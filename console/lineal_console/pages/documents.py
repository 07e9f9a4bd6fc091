"""The list of documents: filters, facets, saved searches, and acts on many at once."""

from __future__ import annotations

from functools import partial
from typing import Any, get_args
from urllib.parse import urlencode

from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.store.connection import Connection
from lineal_catalog.classes.teaching import NotRead, teach
from lineal_catalog.documents.describing import UnfitLabel, describe
from lineal_catalog.documents.document_filter import DocumentFilter
from lineal_catalog.documents.listing import (
    FACETS,
    Place,
    count_documents,
    count_facets,
    list_part,
)
from lineal_catalog.documents.projection import Status
from lineal_catalog.documents.queries import is_visible_to
from lineal_console.download import zip_of_documents
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.pages.document_query import FIELDS, query_string, wanted_documents
from lineal_console.saved_searches import (
    SavedSearch,
    list_searches,
    remove_search,
    save_search,
)
from lineal_producers.document_erasure import erase_planned, plan_documents
from lineal_schemas.envelope import now_us

DOCUMENTS = Page("documents", "Documents", section="documents", order=10)
_SOURCE = "lineal:http"
_PART = 50
_MAX_CHOSEN = 5000
"""Documents that one act may be about."""


@DOCUMENTS.get()
async def list_documents(request: PageRequest) -> Response:
    """The list, filtered as the address says."""
    query = request.request.query_params
    wanted = wanted_documents(query)

    def look(connection: Connection) -> dict[str, Any]:
        part = list_part(
            connection,
            wanted,
            behind=Place.parse(query.get("behind", "")),
            limit=_PART,
            names=request.names,
        )
        return {
            "documents": part.documents,
            "next": part.next,
            "searches": list_searches(connection, DOCUMENTS.path, request.credential.actor),
        }

    found = await request.runtime.store.read(look)
    return request.render(
        "documents.html",
        query={name: query.get(name, "") for name in FIELDS},
        filtered=any(query.get(name) for name in FIELDS),
        query_string=partial(query_string, query),
        statuses=get_args(Status),
        **found,
    )


@DOCUMENTS.get("/facets")
async def facets(request: PageRequest) -> Response:
    """Counts beside the list, asked for after it is shown."""
    query = request.request.query_params
    counts = await request.runtime.store.read(
        lambda c: count_facets(c, wanted_documents(query), names=request.names)
    )
    return request.render(
        "documents_facets.html",
        counts=counts,
        query={name: query.get(name, "") for name in FIELDS},
        query_string=partial(query_string, query),
        facets=FACETS,
    )


@DOCUMENTS.post("/searches")
async def save(request: PageRequest) -> Response:
    """Save the present filter under a name."""
    form = await request.form()
    search = SavedSearch(
        request.credential.actor,
        str(form.get("name", "")),
        query_string({name: str(form.get(name, "")) for name in FIELDS}),
        bool(form.get("shared")) and request.may("review"),
    )
    now = now_us()
    await request.runtime.store.write(lambda c: save_search(c, DOCUMENTS.path, search, now))
    return request.redirect(f"{DOCUMENTS.url}?{search.query}", request.text("The search is saved."))


@DOCUMENTS.post("/searches/remove")
async def remove(request: PageRequest) -> Response:
    """Remove one of one's own searches."""
    name = str((await request.form()).get("name", ""))
    actor = request.credential.actor
    await request.runtime.store.write(lambda c: remove_search(c, DOCUMENTS.path, actor, name))
    return request.redirect(DOCUMENTS.url, request.text("The search is removed."))


@DOCUMENTS.post("/download")
async def download(request: PageRequest) -> Response:
    """The chosen documents in one ZIP file."""
    form = await request.form()
    ids = await chosen_documents(request, form)
    return await zip_of_documents(request.runtime, ids, str(form.get("form", "original")))


@DOCUMENTS.post("/teach", act="review")
async def teach_class(request: PageRequest) -> Response:
    """Say that the chosen documents are of a class: they are its examples."""
    form = await request.form()
    ids = await chosen_documents(request, form)
    name = str(form.get("class name", "")).strip()
    try:
        await teach(request.runtime, dict.fromkeys(ids, name), request.credential, _SOURCE)
    except NotRead as error:
        raise HTTPException(409, str(error)) from error
    except ValidationError as error:
        raise HTTPException(400, request.text("Name the class.")) from error
    done = request.messages.ngettext(
        "%(number)s document is an example of %(name)s.",
        "%(number)s documents are examples of %(name)s.", len(ids),
    )  # fmt: skip
    return request.redirect(DOCUMENTS.url, done % {"number": len(ids), "name": name})


@DOCUMENTS.post("/tag", act="review")
async def tag_documents(request: PageRequest) -> Response:
    """Give a tag to the chosen documents."""
    form = await request.form()
    ids = await chosen_documents(request, form)
    tag = str(form.get("new tag", "")).strip()
    try:
        await describe(request.runtime, ids, request.credential, _SOURCE, add=[tag])
    except UnfitLabel as error:
        raise HTTPException(400, str(error)) from error
    except ValidationError as error:
        raise HTTPException(400, request.text("Name the tag.")) from error
    return request.redirect(f"{DOCUMENTS.url}?{urlencode({'tag': tag})}")


@DOCUMENTS.post("/erase", act="erase")
async def erase(request: PageRequest) -> Response:
    """First show what would be erased, then, with a reason, erase it."""
    form = await request.form()
    ids = await chosen_documents(request, form)
    planned = await plan_documents(request.runtime, ids)
    reason = str(form.get("reason", "")).strip()
    if not form.get("decided") or not reason:
        return request.render(
            "documents_erase.html",
            planned=planned,
            ids=ids,
            missing=bool(form.get("decided")),
        )
    await erase_planned(request.runtime, planned, reason, by=request.credential)
    done = request.messages.ngettext(
        "%(number)s document is erased.", "%(number)s documents are erased.", len(ids)
    )
    return request.redirect(DOCUMENTS.url, done % {"number": len(ids)})


async def chosen_documents(request: PageRequest, form: FormData) -> list[str]:
    """The documents that a form's boxes choose, or all that its filter means.

    Raises:
        HTTPException: 400, none is chosen, or too many; only what who asks may see is.
    """
    if form.get("every"):
        wanted = wanted_documents({name: str(form.get(name, "")) for name in FIELDS})
        found = await request.runtime.store.read(partial(_all_of, wanted, request.names))
        if len(found) > _MAX_CHOSEN:
            raise HTTPException(
                400, request.text("At most %(limit)s documents at once.", limit=_MAX_CHOSEN)
            )
    else:
        asked = [str(value) for value in form.getlist("id")][:_MAX_CHOSEN]
        found = await request.runtime.store.read(partial(_visible_of, asked, request.names))
    if not found:
        raise HTTPException(400, request.text("No document is chosen."))
    return found


def _all_of(
    wanted: DocumentFilter, names: tuple[str, ...] | None, connection: Connection
) -> list[str]:
    if count_documents(connection, wanted, names=names) == 0:
        return []
    part = list_part(connection, wanted, limit=_MAX_CHOSEN + 1, names=names)
    return [item.document_id for item in part.documents]


def _visible_of(
    asked: list[str], names: tuple[str, ...] | None, connection: Connection
) -> list[str]:
    return [wanted for wanted in asked if is_visible_to(connection, wanted, names)]
