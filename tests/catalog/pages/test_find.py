"""Words are found inside a document as the search in all documents finds them, and marked."""

from __future__ import annotations

import gzip

import orjson
import pytest

from lineal_catalog.pages.find import boxes_of_places, each_word, find_places
from lineal_catalog.pages.view import page_view
from lineal_catalog.search.query import parse_query
from tests.consumers.review.documents import reading


def found(text: str, wanted: str) -> list[str]:
    result = {"text": text, "pages": [{"number": 1, "begin": 0, "end": len(text)}]}
    return [item.text for item in find_places(gzip.compress(orjson.dumps(result)), wanted)]


@pytest.mark.parametrize(
    ("text", "wanted", "places"),
    [
        ("Die M\u00fcller AG in M\u00dcNCHEN", "muller", ["M\u00fcller"]),
        ("r\u00e9sum\u00e9 and resume", "r\u00e9sum\u00e9", ["r\u00e9sum\u00e9", "resume"]),
        ("the of\ufb01ce", "office", ["of\ufb01ce"]),
        ("\u6771\u4eac\u90fd\u5e81\u3078", "\u4eac\u90fd", ["\u4eac\u90fd"]),
        ("\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u05e2\u05d5\u05dc\u05dd",
         ["\u05e2\u05d5\u05dc\u05dd"]),
        ("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0e2a\u0e14", ["\u0e2a\u0e14"]),
        ("all docu-\nments here", "documents", ["docu-\nments"]),
        ("all docu\u00admentation", "documentation", ["docu\u00admentation"]),
        ("well-\nknown", "well-known", ["well-\nknown"]),
        ("Total due, now", "total due now", ["Total due, now"]),
        ("Total now, total due", '"total due"', ["total due"]),
        ("Total now, total due", '"total" "due"', ["Total", "total", "due"]),
        ("paper and papers", '"pap"*', ["paper", "papers"]),
        ("paper and papers", "apers", ["apers"]),
        ("a price of \u00a7 5", "\u00a7", ["\u00a7"]),
        ("red and green", "red NOT green", ["red"]),
        ("red and green and blue", "red NOT (green OR blue)", ["red"]),
        ("nothing", "  ", []),
    ],
)  # fmt: skip
def test_a_text_is_found_as_it_is_meant(text: str, wanted: str, places: list[str]) -> None:
    assert found(text, wanted) == places


def test_from_a_query_every_word_and_phrase_is_marked_by_itself() -> None:
    query = 'acme "total due" inv* NOT draft'
    assert found("Total due by ACME: invoice, draft", each_word(query)) == [
        "Total due", "ACME", "invoice",
    ]  # fmt: skip
    assert each_word("acme") == "acme"
    assert parse_query(each_word(query))  # it can be typed into the search as well


def test_a_divided_word_is_marked_on_both_lines() -> None:
    result = reading("docu-\nments").model_copy()
    [page] = result.pages
    one, other = page.words
    page = page.model_copy(update={"words": (one, other._replace(top=0.2, line=1))})
    view = page_view(result.model_copy(update={"pages": (page,)}).to_gzip(), None, 1)
    assert view is not None
    assert len(boxes_of_places(view, "documents")) == 2
