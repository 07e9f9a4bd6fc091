"""Search in the text of all documents, with the places shown on the pages' images."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup, escape
from starlette.responses import Response

from lineal.store.connection import Connection
from lineal_catalog.pages.find import each_word
from lineal_catalog.search.entries import MARK_BEGIN, MARK_END, Hit, search
from lineal_console.page import Page
from lineal_console.page_request import PageRequest

SEARCH = Page("search", "Search", section="documents", order=20)
_PART = 20
_MAX = 200


@SEARCH.get()
async def find(request: PageRequest) -> Response:
    """The best pages for a query."""
    text = request.query("q")
    filters = {
        key: value
        for key, value in (item.partition("=")[::2] for item in request.queries("filter"))
        if key and value
    }
    limit = request.number("limit", _PART, minimum=1, maximum=_MAX)

    def look(connection: Connection) -> list[Hit]:
        return search(connection, text, limit=limit + 1, filters=filters, names=request.names)

    hits = await request.runtime.store.read(look) if text.strip() else []
    return request.render(
        "search.html",
        text=text,
        filters=filters,
        hits=hits[:limit],
        more=min(limit + _PART, _MAX) if len(hits) > limit and limit < _MAX else None,
        marked=_marked,
        find=each_word(text),
        address=partial(_address, text),
    )


def _marked(snippet: str) -> Markup:
    """The snippet with the places as elements; everything else of it is text."""
    escaped = str(escape(snippet))
    return Markup(escaped.replace(MARK_BEGIN, "<mark>").replace(MARK_END, "</mark>"))  # noqa: S704


def _address(text: str, limit: int) -> str:
    from urllib.parse import urlencode

    return f"{SEARCH.url}?{urlencode({'q': text, 'limit': limit})}"
