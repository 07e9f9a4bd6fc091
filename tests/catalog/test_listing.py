"""Lists of documents in parts are the same whatever the store is."""

from __future__ import annotations

import gzip

import orjson
import pytest

from lineal.store.connection import Connection
from lineal_catalog.documents.document_filter import DocumentFilter
from lineal_catalog.documents.listing import (
    FacetCount,
    Place,
    count_documents,
    count_facets,
    list_part,
)
from lineal_catalog.documents.visibility import restrict_source
from lineal_catalog.pages.find import find_places

_NAMES = ["100% paid_A.pdf", "100 unpaid.pdf", "Letter.txt", "other", "é.png", "zz.png", "zz.png"]


@pytest.fixture
def filled(connection: Connection) -> Connection:
    """Seven documents, two of them registered at the same time."""
    for number, name in enumerate(_NAMES):
        document_id = f"d{number}"
        connection.execute(
            "INSERT INTO registry (document_id, tenant, name, registered) VALUES (?, ?, ?, ?)",
            (document_id, "default", name, min(number, 5)),
        )
        connection.execute(
            "INSERT INTO arrivals (document_id, event_id, name, source, arrived) "
            "VALUES (?, ?, ?, ?, ?)",
            (document_id, f"e{number}", name, f"file:///{number}", number),
        )
        restrict_source(connection, document_id, f"file:///{number}", None if number % 2 else ())
        if number < 4:
            connection.execute(
                "INSERT INTO operations (document_id, status, stage, facts, started, updated) "
                "VALUES (?, ?, 'index', '{}', 5, 6)",
                (document_id, "rejected" if number == 3 else "indexed"),
            )
            connection.execute(
                "INSERT INTO search_facets VALUES (?, 'class', ?)",
                (document_id, "invoice" if number < 2 else "letter"),
            )
    return connection


def ids(connection: Connection, wanted: DocumentFilter, **options: object) -> list[str]:
    part = list_part(connection, wanted, **options)  # type: ignore[arg-type]
    return [item.document_id for item in part.documents]


def test_parts_follow_each_other_without_gap_or_repetition(filled: Connection) -> None:
    found: list[str] = []
    behind: Place | None = None
    while True:
        part = list_part(filled, DocumentFilter(), behind=behind, limit=2)
        found += [item.document_id for item in part.documents]
        if part.next is None:
            break
        behind = Place.parse(str(part.next))
        assert behind == part.next
    assert found == ["d5", "d6", "d4", "d3", "d2", "d1", "d0"]
    assert Place.parse("x~y") is Place.parse("12") is Place.parse("9" * 19 + "~d") is None


def test_filters_narrow_together_and_signs_of_patterns_mean_themselves(filled: Connection) -> None:
    assert ids(filled, DocumentFilter(text="100% PAID_a")) == ["d0"]
    assert ids(filled, DocumentFilter(text="%")) == ["d0"]
    assert ids(filled, DocumentFilter(status="registered", text=".png")) == ["d5", "d6", "d4"]
    assert ids(filled, DocumentFilter(facets={"class": "invoice"}, text="unpaid")) == ["d1"]
    assert ids(filled, DocumentFilter(since=1, until=3)) == ["d2", "d1"]
    assert count_documents(filled, DocumentFilter(text="zz")) == 2


def test_counts_are_those_of_what_is_listed_and_seen(filled: Connection) -> None:
    counts = count_facets(filled, DocumentFilter())
    assert counts["status"] == [
        FacetCount("indexed", 3), FacetCount("registered", 3), FacetCount("rejected", 1),
    ]  # fmt: skip
    assert counts["class"] == [FacetCount("invoice", 2), FacetCount("letter", 2)]
    narrowed = count_facets(filled, DocumentFilter(status="indexed"))
    assert narrowed["class"] == [FacetCount("invoice", 2), FacetCount("letter", 1)]
    assert ids(filled, DocumentFilter(), names=("ann",)) == ["d5", "d3", "d1"]
    seen = count_facets(filled, DocumentFilter(), names=("ann",))
    assert seen["class"] == [FacetCount("invoice", 1), FacetCount("letter", 1)]


def test_a_text_is_found_on_its_pages_over_ends_of_lines() -> None:
    text = "Total due\nnow\fNothing. TOTAL\u00a0DUE (here)"
    result = gzip.compress(
        orjson.dumps(
            {
                "text": text,
                "pages": [
                    {"number": 1, "begin": 0, "end": 13},
                    {"number": 2, "begin": 14, "end": len(text)},
                ],
            }
        )
    )
    found = find_places(result, "total due")
    assert [(item.page, item.text) for item in found] == [(1, "Total due"), (2, "TOTAL\u00a0DUE")]
    assert found[1].before == "Nothing. "
    assert [item.text for item in find_places(result, "due now")] == ["due\nnow"]
    assert [item.text for item in find_places(result, "(here)")] == ["(here)"]
    assert find_places(result, "  ") == find_places(result, "now nothing") == []
