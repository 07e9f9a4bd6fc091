"""A page may be a log of any length: all of it is found, and no search takes minutes over it."""

from __future__ import annotations

from lineal.store.connection import Connection
from lineal_catalog.search.entries import replace_document, search
from lineal_catalog.search.pages import SearchPage

LOG = "\n".join(f"entry{number} the worker says the same" for number in range(30_000))


def test_a_page_without_end_is_searched_in_stretches(connection: Connection) -> None:
    pages = [SearchPage(1, LOG), SearchPage(2, "x" * 25_000 + " lastword")]
    replace_document(connection, "d", pages, {})
    # As one entry this took time by the square of 60,000 occurrences: minutes.
    assert [hit.page for hit in search(connection, "the", limit=5)] == [1], "one hit a page"
    for number in (0, 299, 15_000, 29_999):
        [hit] = search(connection, f"entry{number}")
        assert hit.page == 1
    assert [hit.page for hit in search(connection, "lastword")] == [2]
