"""Pages of a document that are decoded one by one are those that are decoded together."""

from __future__ import annotations

import gzip

import orjson

from lineal_catalog.pages.view import StoredPages, list_pages, page_view
from tests.consumers.review.documents import reading


def _three_pages() -> bytes:
    result = reading("one two\nthree")
    [page] = result.pages
    return result.model_copy(
        update={"pages": tuple(page.model_copy(update={"number": n}) for n in (1, 2, 3))}
    ).to_gzip()


def test_a_page_that_is_decoded_alone_is_the_same() -> None:
    result = _three_pages()
    entity = {"type": "name", "text": "two", "personal": True, "occurrences": [[4, 7, 0.9]]}
    analysis = gzip.compress(orjson.dumps({"entities": [entity]}))
    stored = StoredPages(result)
    assert stored.count == len(list_pages(result)) == 3
    for number in range(5):
        for known in (None, analysis):
            assert stored.view(known, number) == page_view(result, known, number)
