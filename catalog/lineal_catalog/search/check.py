"""Whether the search index holds what the ledger says that it should hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lineal.erasure.erasures import KIND as ERASURE
from lineal.errors import ObjectCorrupt, ObjectMissing
from lineal.lineage.record import Record
from lineal.proof.verification import VerificationContext
from lineal.store.connection import Connection
from lineal.store.objects import object_chunks
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.search.effect import facet_values
from lineal_catalog.search.entries import FIELD, differing_words, indexed_spans, spans_to_index
from lineal_catalog.search.page_split import pages_to_index
from lineal_catalog.search.pages import accepted_entries


class _Indexed(NamedTuple):
    seq: int
    text: str
    """Digest."""
    facets: dict[str, str]
    """Empty in the records of earlier versions, which do not say."""


class SearchReader:
    """See :class:`lineal.proof.record_pass.RecordReader`."""

    reads_records = "search"

    def __init__(self) -> None:
        self._context: VerificationContext
        self._indexed: dict[str, _Indexed] = {}

    def begin(self, context: VerificationContext) -> None:
        self._context = context
        self._indexed = {}

    def add(self, seq: int, build: int | None, record: Record) -> None:
        for entry in record.steps:
            if entry.kind == ERASURE:
                self._indexed.pop(entry.subject.removeprefix(DOCUMENT), None)
            if entry.attributes.get("status") != "indexed" or entry.outcome != "done":
                continue
            for item in entry.inputs:
                if item.role == "text":
                    facets = facet_values(entry.attributes)
                    document = entry.subject.removeprefix(DOCUMENT)
                    self._indexed[document] = _Indexed(seq, item.sha256, facets)

    def findings(self) -> Iterator[str | tuple[str, int]]:
        connection = self._context.connection
        for document, indexed in self._indexed.items():
            problem = self._problem(connection, document, indexed)
            if problem is not None:
                yield f"the search index of document {document} {problem}", indexed.seq
        for table in ("search_entries", "search_facets"):
            rows = connection.execute(f"SELECT DISTINCT document_id FROM {table}").fetchall()
            for (document,) in rows:
                if document not in self._indexed:
                    yield f"{table}: no step put document {document} into the search index"
        yield from differing_words(connection)

    def _problem(self, connection: Connection, document: str, indexed: _Indexed) -> str | None:
        if indexed.facets and indexed.facets != _facets_of(connection, document):
            return "has other facets than its record"
        if self._context.large is None:
            return None
        try:
            pieces = object_chunks(connection, self._context.large, indexed.text)
            text = b"".join(pieces).decode()
        except (ObjectCorrupt, ObjectMissing):
            return None  # the check of objects names it
        expected = spans_to_index(connection, pages_to_index(text))
        if not is_as_expected(indexed_spans(connection, document), expected):
            return "does not hold its text"
        return None


def is_as_expected(kept: list[tuple[int, str]], expected: list[tuple[int, str]]) -> bool:
    """Whether an index holds these entries; those of earlier versions lack the words that lines
    divide, or are written in several ways."""
    return len(kept) == len(expected) and all(
        number == wanted and text in accepted_entries(entry)
        for (number, text), (wanted, entry) in zip(kept, expected, strict=True)
    )


def _facets_of(connection: Connection, document: str) -> dict[str, str]:
    rows = connection.execute(
        "SELECT key, value FROM search_facets WHERE document_id = ? AND key NOT LIKE ?",
        (document, f"{FIELD}%"),
    )
    return dict(rows.fetchall())


SEARCH_READER = SearchReader()
