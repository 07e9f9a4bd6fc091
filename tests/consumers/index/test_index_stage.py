"""Pages with text are put into the search index under their own numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from lineal.testing import StageHarness
from lineal_catalog.search.entries import search
from lineal_consumers.index.stage import index
from lineal_schemas.documents import DocumentAnalyzed, DocumentIndexed


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    async with StageHarness(index) as opened:
        yield opened


async def indexed(harness: StageHarness, text: str) -> object:
    stored = await harness.put(text.encode(), "text/plain")
    document = DocumentAnalyzed(
        document_id="d",
        text=stored,
        result=stored,
        analysis=stored,
        language="en",
        document_class="invoice",
        class_confidence=0.9,
        personal_data=False,
        media_type="application/pdf",
    )
    [made] = await harness.send(document)
    return made


async def found(harness: StageHarness, words: str, **facets: str) -> list[int]:
    """The pages that answer a query."""
    hits = await harness.runtime.store.read(lambda c: search(c, words, filters=facets))
    return [hit.page for hit in hits]


async def test_pages_keep_their_numbers_and_empty_ones_are_left_out(harness: StageHarness) -> None:
    made = await indexed(harness, "first page\f \n\fthïrd page")
    assert made == DocumentIndexed(document_id="d", pages=2)
    assert sorted(await found(harness, "page")) == [1, 3]
    assert await found(harness, "thïrd") == [3]


async def test_the_facets_say_language_class_and_media_type(harness: StageHarness) -> None:
    await indexed(harness, "text")
    facets = {"class": "invoice", "language": "en", "media_type": "application/pdf"}
    assert await found(harness, "text", **facets) == [1]
    for name in facets:
        assert await found(harness, "text", **{**facets, name: "other"}) == []


async def test_a_document_without_text_is_indexed_with_no_pages(harness: StageHarness) -> None:
    await indexed(harness, "text")
    assert await indexed(harness, "") == DocumentIndexed(document_id="d", pages=0)
    assert await found(harness, "text") == []


async def test_an_indexed_document_says_so(harness: StageHarness) -> None:
    await indexed(harness, "text")
    assert harness.records[-1].attributes["status"] == "indexed"


def test_the_index_can_be_rebuilt_by_replay() -> None:
    assert not index.memo
