"""Pages with text are put into the search index under their own numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal_catalog.search.effect import SearchEntries
from lineal_catalog.search.pages import SearchPage
from lineal_consumers.index.stage import index
from lineal_schemas.documents import DocumentAnalyzed, DocumentIndexed
from tests.consumers.context import MemoryContext, event_of, handled


@pytest.fixture
def ctx(tmp_path: Path) -> MemoryContext:
    return MemoryContext(tmp_path)


async def indexed(ctx: MemoryContext, text: str) -> object:
    stored = ctx.objects.add(text.encode(), "text/plain")
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
    [made] = await handled(index, event_of(document), ctx)
    return made


def entries(ctx: MemoryContext) -> SearchEntries:
    [effect] = ctx.effects
    assert isinstance(effect, SearchEntries)
    return effect


async def test_pages_keep_their_numbers_and_empty_ones_are_left_out(ctx: MemoryContext) -> None:
    made = await indexed(ctx, "first page\f \n\fthïrd page")
    assert made == DocumentIndexed(document_id="d", pages=2)
    assert entries(ctx).document_id == "d"
    assert entries(ctx).pages == (SearchPage(1, "first page"), SearchPage(3, "thïrd page"))


async def test_the_facets_say_language_class_and_media_type(ctx: MemoryContext) -> None:
    await indexed(ctx, "text")
    assert entries(ctx).facets == {
        "class": "invoice",
        "language": "en",
        "media_type": "application/pdf",
    }


async def test_a_document_without_text_is_indexed_with_no_pages(ctx: MemoryContext) -> None:
    assert await indexed(ctx, "") == DocumentIndexed(document_id="d", pages=0)
    assert entries(ctx).pages == ()


async def test_an_indexed_document_says_so(ctx: MemoryContext) -> None:
    await indexed(ctx, "text")
    assert ctx.attributes["status"] == "indexed"


def test_the_index_can_be_rebuilt_by_replay() -> None:
    assert not index.memo
