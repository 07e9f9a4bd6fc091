"""Splits a document's text into the pages that are indexed.

Apart from the pages themselves: commands that only read import those as well, and need not load
the models of results for it.
"""

from __future__ import annotations

from lineal_catalog.search.pages import SearchPage
from lineal_schemas.results import PAGE_SEPARATOR


def pages_to_index(text: str) -> list[SearchPage]:
    """The pages of a document's text; those without any are left out, and keep their number."""
    return [
        SearchPage(number, page)
        for number, page in enumerate(text.split(PAGE_SEPARATOR), 1)
        if page.strip()
    ]
