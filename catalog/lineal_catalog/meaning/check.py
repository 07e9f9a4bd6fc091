"""Whether the store holds the vectors that the ledger says that it should hold."""

from __future__ import annotations

from collections.abc import Iterator

from lineal.erasure.erasures import KIND as ERASURE
from lineal.lineage.record import Record
from lineal.proof.verification import VerificationContext
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.meaning.effect import KIND as EMBEDDING
from lineal_catalog.meaning.effect import digest_of


class MeaningReader:
    """See :class:`lineal.proof.record_pass.RecordReader`."""

    reads_records = "vectors of paragraphs"

    def __init__(self) -> None:
        self._context: VerificationContext
        self._embedded: dict[str, tuple[int, str]] = {}

    def begin(self, context: VerificationContext) -> None:
        self._context = context
        self._embedded = {}

    def add(self, seq: int, build: int | None, record: Record) -> None:
        for entry in record.steps:
            document = entry.subject.removeprefix(DOCUMENT)
            if entry.kind == ERASURE:
                self._embedded.pop(document, None)
            elif entry.kind == EMBEDDING and entry.outcome == "done":
                self._embedded[document] = seq, str(entry.attributes["vectors"])

    def findings(self) -> Iterator[str | tuple[str, int]]:
        connection = self._context.connection
        for document, (seq, digest) in self._embedded.items():
            rows = connection.execute(
                "SELECT page, first, beyond, vector FROM meaning_paragraphs "
                "WHERE document_id = ? ORDER BY id",
                (document,),
            )
            stored = ((page, first, beyond, bytes(data)) for page, first, beyond, data in rows)
            if digest_of(stored) != digest:
                yield f"the vectors of document {document} are not those of its record", seq
        rows = connection.execute("SELECT DISTINCT document_id FROM meaning_paragraphs")
        for (document,) in rows.fetchall():
            if document not in self._embedded:
                yield f"meaning_paragraphs: no step made vectors of document {document}"


MEANING_READER = MeaningReader()
