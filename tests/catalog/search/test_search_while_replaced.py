"""A search sees one state of the database, whatever another process writes meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.store.connection import Connection
from lineal.store.sqlite import connect
from lineal.store.tables import create_tables
from lineal_catalog.search.entries import SearchPage, replace_document, search
from lineal_catalog.search.filters import document_name


def test_a_page_that_is_replaced_during_a_search_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = (connect(tmp_path / "lineal.db", "normal") for _ in range(2))
    create_tables(writer)
    replace_document(writer, "d", [SearchPage(1, "an old orchard")], {})

    def replaced_meanwhile(connection: Connection, document_id: str) -> str:
        replace_document(writer, "d", [SearchPage(1, "a new meadow")], {})
        return document_name(connection, document_id)

    monkeypatch.setattr("lineal_catalog.search.sqlite.document_name", replaced_meanwhile)
    (hit,) = search(reader, "orchard")
    assert "orchard" in hit.snippet
    assert search(reader, "orchard") == []
    reader.close()
    writer.close()
