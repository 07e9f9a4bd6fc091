"""A document's paragraphs get vectors with their lineage, once, and go when it is erased."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.lineage.projections import installed_projections
from lineal.store.connection import Connection
from lineal.testing import StageHarness
from lineal_catalog.meaning.engine import model_id
from lineal_catalog.meaning.engines import choose_engine
from lineal_catalog.meaning.projection import MEANING, stored_paragraphs
from lineal_catalog.meaning.search import find_passages
from lineal_catalog.meaning.vector_file import load_vectors
from lineal_consumers.embed.config import EmbedConfig
from lineal_consumers.embed.stage import embed
from lineal_schemas.documents import DocumentAnalyzed
from lineal_schemas.meaning import DocumentEmbedded

TEXT = "Roof\n\nThe landlord repairs the roof.\fThe rent is due on the first day of a month."


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    async with StageHarness(embed, config=EmbedConfig(engine="classical")) as opened:
        yield opened


async def embedded(harness: StageHarness, text: str, document_id: str = "d") -> DocumentEmbedded:
    stored = await harness.put(text.encode(), "text/plain")
    document = DocumentAnalyzed(
        document_id=document_id, text=stored, result=stored, analysis=stored, language="en",
        document_class="letter", class_confidence=0.9, personal_data=False,
        media_type="application/pdf",
    )  # fmt: skip
    [made] = await harness.send(document)
    assert isinstance(made, DocumentEmbedded)
    return made


async def test_the_event_says_what_made_the_vectors(harness: StageHarness) -> None:
    made = await embedded(harness, TEXT)
    model = choose_engine("classical").model
    assert (made.engine, made.model_sha256, made.paragraphs) == ("classical", model.sha256, 2)


async def test_the_same_text_gives_the_same_rows_again(harness: StageHarness) -> None:
    store = harness.runtime.store
    await embedded(harness, TEXT)
    first = await store.read(lambda c: stored_paragraphs(c, "d"))
    await embedded(harness, "Another text.")
    await embedded(harness, TEXT)
    assert await store.read(lambda c: stored_paragraphs(c, "d")) == first


async def test_erasing_takes_the_vectors_from_the_store_and_the_file(
    harness: StageHarness, tmp_path: Path
) -> None:
    store = harness.runtime.store
    await embedded(harness, TEXT)
    await embedded(harness, "The turbine turns.", "e")
    engine = choose_engine("classical")

    def look(connection: Connection) -> int:
        rows = load_vectors(connection, tmp_path, model_id(engine), engine.dimensions)
        return len(rows.ids)

    assert await store.read(look) == 3
    assert MEANING in installed_projections() and MEANING.erase is not None
    erase = MEANING.erase
    assert await store.write(lambda c: erase(c, "document:d", False)) == 2
    await store.write(
        lambda c: c.execute("INSERT INTO erasures VALUES ('document:d', 1, 'user:ann', 'asked')")
    )
    assert await store.read(look) == 1
    left = await store.read(lambda c: find_passages(c, "landlord and roof", folder=tmp_path))
    assert {item.document_id for item in left} <= {"e"}


async def test_the_file_of_vectors_is_what_the_store_has(
    harness: StageHarness, tmp_path: Path
) -> None:
    engine = choose_engine("classical")

    def same(connection: Connection) -> bool:
        mapped = load_vectors(connection, tmp_path, model_id(engine), engine.dimensions)
        stored = load_vectors(connection, None, model_id(engine), engine.dimensions)
        there = {int(id): mapped.vectors[at].tobytes() for at, id in enumerate(mapped.ids)}
        return all(
            there[int(id)] == stored.vectors[at].tobytes() for at, id in enumerate(stored.ids)
        )

    for number in range(4):
        await embedded(harness, f"Text {number} of a document.\fAnd its page.", f"d{number % 3}")
        assert await harness.runtime.store.read(same)
    # A process was killed while it wrote: one file is longer than another.
    folder = next(tmp_path.iterdir())
    with (folder / "vectors").open("ab") as file:
        file.write(b"half")
    await embedded(harness, "One more.", "late")
    assert await harness.runtime.store.read(same)
