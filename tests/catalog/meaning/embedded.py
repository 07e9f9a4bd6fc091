"""Puts texts into a store with the vectors of the classical engine."""

from __future__ import annotations

from lineal.store.connection import Connection
from lineal_catalog.meaning.effect import ParagraphVectors, replace_paragraphs
from lineal_catalog.meaning.engine import model_id, quantize
from lineal_catalog.meaning.engines import choose_engine
from lineal_catalog.meaning.paragraphs import split_paragraphs
from lineal_catalog.search.entries import replace_document
from lineal_catalog.search.page_split import pages_to_index

ENGINE = choose_engine("classical")


def embed(connection: Connection, document_id: str, text: str, **facets: str) -> None:
    """Index a document's words, and embed its paragraphs."""
    replace_document(connection, document_id, pages_to_index(text), facets)
    paragraphs = tuple(split_paragraphs(text))
    vectors = quantize(ENGINE.embed([item.embedded_text for item in paragraphs])).tobytes()
    change = ParagraphVectors(document_id, model_id(ENGINE), paragraphs, vectors)
    replace_paragraphs(connection, change)
