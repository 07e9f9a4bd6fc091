"""A page may be a log of any length: all of it is found, and no search takes minutes over it."""

from __future__ import annotations

from pathlib import Path

from lineal.stages import SearchPage
from lineal.store.database import Database
from lineal.store.search import replace_document, search

LOG = "\n".join(f"entry{number} the worker says the same" for number in range(30_000))


async def test_a_page_without_end_is_searched_in_stretches(tmp_path: Path) -> None:
    database = Database(tmp_path, durability="normal")
    database.open()
    pages = [SearchPage(1, LOG), SearchPage(2, "x" * 25_000 + " lastword")]
    await database.write(lambda connection: replace_document(connection, "d", pages, {}))
    # As one entry this took time by the square of 60,000 occurrences: minutes.
    assert [hit.page for hit in search(database.reader, "the", limit=5)] == [1], "one hit a page"
    for number in (0, 299, 15_000, 29_999):
        [hit] = search(database.reader, f"entry{number}")
        assert hit.page == 1
    assert [hit.page for hit in search(database.reader, "lastword")] == [2]
    await database.write(lambda connection: replace_document(connection, "d", [], {}))
    assert search(database.reader, "the") == []
    await database.close()
