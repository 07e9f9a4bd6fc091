"""Whether the store holds the mentions that the ledger says that it should hold."""

from __future__ import annotations

from collections.abc import Iterator

from lineal.erasure.erasures import KIND as ERASURE
from lineal.lineage.record import Record
from lineal.proof.verification import VerificationContext
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.graph.effect import KIND as FOUND
from lineal_catalog.graph.effect import mentions_digest, stored_mentions


class GraphReader:
    """See :class:`lineal.proof.record_pass.RecordReader`."""

    reads_records = "mentions of concepts"

    def __init__(self) -> None:
        self._context: VerificationContext
        self._found: dict[str, tuple[int, str]] = {}

    def begin(self, context: VerificationContext) -> None:
        self._context = context
        self._found = {}

    def add(self, seq: int, build: int | None, record: Record) -> None:
        for entry in record.steps:
            document = entry.subject.removeprefix(DOCUMENT)
            if entry.kind == ERASURE:
                self._found.pop(document, None)
            elif entry.kind == FOUND and entry.outcome == "done":
                self._found[document] = seq, str(entry.attributes["graph"])

    def findings(self) -> Iterator[str | tuple[str, int]]:
        connection = self._context.connection
        for document, (seq, digest) in self._found.items():
            stored = stored_mentions(connection, document)
            if stored is None or mentions_digest(stored) != digest:
                yield f"the mentions of document {document} are not those of its record", seq
        rows = connection.execute("SELECT document_id FROM graph_documents")
        for (document,) in rows.fetchall():
            if document not in self._found:
                yield f"graph_documents: no step found mentions of document {document}"


GRAPH_READER = GraphReader()
