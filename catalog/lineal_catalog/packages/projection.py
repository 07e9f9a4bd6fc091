"""The projection of packages: how each stands, and which documents it has.

A record of kind ``package`` about a package says in its attributes how it stands, and its output of
the role ``package_report`` says all of it. One about a document says (``act``) that it was put into
a package, or taken out.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.erasure.erasures import KIND as KIND_OF_ERASURES
from lineal.lineage.projections import Projection
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal_catalog.documents.projection import DOCUMENT

KIND = "package"
REPORT_ROLE = "package_report"


def _apply(connection: Connection, records: Sequence[RecordedStep]) -> None:
    for record in records:
        if record.kind == KIND_OF_ERASURES:
            if record.subject.startswith(DOCUMENT):
                _remove(connection, record.subject.removeprefix(DOCUMENT))
        elif record.outcome == "done" and "package" in record.attributes:
            _changed(connection, record)


def _changed(connection: Connection, record: RecordedStep) -> None:
    said = record.attributes
    package, case = str(said["package"]), str(said["case"])
    if "act" in said:
        document_id = record.subject.removeprefix(DOCUMENT)
        _remove(connection, document_id, package, case)
        if said["act"] == "add":
            connection.execute(
                "INSERT INTO package_documents VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (document_id, package, case),
            )
        return
    report = next((one.sha256 for one in record.outputs if one.role == REPORT_ROLE), "")
    connection.execute(
        "INSERT INTO packages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (package, case_id) DO UPDATE SET status = excluded.status, "
        "documents = excluded.documents, missing = excluded.missing, "
        "contradictions = excluded.contradictions, score_ppm = excluded.score_ppm, "
        "report = excluded.report, updated = excluded.updated",
        (
            package, case, said["status"], said["documents"], said["missing"],
            said["contradictions"], said["score_ppm"], report, record.started,
        ),
    )  # fmt: skip


def _remove(
    connection: Connection, document_id: str, package: str | None = None, case: str | None = None
) -> None:
    if package is None:
        connection.execute("DELETE FROM package_documents WHERE document_id = ?", (document_id,))
        return
    connection.execute(
        "DELETE FROM package_documents WHERE document_id = ? AND package = ? AND case_id = ?",
        (document_id, package, case),
    )


_PACKAGES = """
CREATE TABLE packages (
    package TEXT NOT NULL,
    case_id TEXT NOT NULL,
    status TEXT NOT NULL,
    documents INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    contradictions INTEGER NOT NULL,
    score_ppm INTEGER NOT NULL,
    report TEXT NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (package, case_id)
) WITHOUT ROWID;
CREATE INDEX packages_by_case ON packages (case_id);
"""
_DOCUMENTS = """
CREATE TABLE package_documents (
    document_id TEXT NOT NULL,
    package TEXT NOT NULL,
    case_id TEXT NOT NULL,
    PRIMARY KEY (document_id, package, case_id)
) WITHOUT ROWID;
"""

PACKAGES = Projection(
    "packages",
    (Table("packages", _PACKAGES), Table("package_documents", _DOCUMENTS)),
    _apply,
    kinds=frozenset({KIND, KIND_OF_ERASURES}),
    ids_of_causes=("package:",),
)
