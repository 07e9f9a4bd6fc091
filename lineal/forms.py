"""The forms in which a document is given out: where each is, and what the ``json`` one holds."""

from __future__ import annotations

import gzip
from typing import Literal

import orjson

from lineal.lineage.ledger import records_of_root
from lineal.lineage.metadata import DOCUMENT
from lineal.lineage.record import Artifact, parse_record
from lineal.store.connection import Connection

Form = Literal["original", "text", "json", "csv", "pdf"]
FORMS: tuple[Form, ...] = ("original", "text", "json", "csv", "pdf")
ANALYSIS = "analysis"
"""Beside the forms: what the analysis found, which is part of the ``json`` form."""

_FORM_OF_ROLE = {
    "text": "text", "result": "json", "csv": "csv", "pdf": "pdf", "analysis": ANALYSIS,
}  # fmt: skip
"""What the outputs with these roles in lineage records are to a person."""


def find_forms(connection: Connection, document_id: str) -> dict[str, Artifact]:
    """The newest output of a document in each form there is, and its :data:`ANALYSIS`.

    Found in the ledger by their roles, so each is there as soon as the step that made it is
    settled. What is emitted again, since a stage was set back to what it was, is the newest again.
    A PDF whose text layer was good is its own searchable PDF.
    """
    found: dict[str, Artifact] = {}
    original = _registered_content(connection, document_id)
    made: dict[str, list[Artifact]] = {}
    for canonical in records_of_root(connection, DOCUMENT + document_id):
        record = parse_record(canonical)
        for item in record.inputs:
            if item.role == "content":
                original = item  # a later step knows its media type from the bytes themselves
        outputs = record.outputs
        if record.outcome == "memoised":
            steps = [item.step for item in record.repeats]
            if record.step is not None:
                steps.append(record.step)
            outputs = [item for step in steps for item in made.get(step, ())]
        elif record.step is not None:
            made[record.step] = outputs
        for item in outputs:
            form = _FORM_OF_ROLE.get(item.role)
            if form is not None:
                found[form] = item
    if original is not None:
        found["original"] = original
        if "text" in found and original.media_type == "application/pdf":
            found.setdefault("pdf", original)
    return found


def json_form(result: bytes, analysis: bytes | None) -> bytes:
    """The ``json`` form: a gzipped TextResult and, where there is one, Analysis as one object."""
    whole = orjson.loads(gzip.decompress(result))
    if analysis is not None:
        whole |= orjson.loads(gzip.decompress(analysis))
    return orjson.dumps(whole)


def _registered_content(connection: Connection, document_id: str) -> Artifact | None:
    row = connection.execute(
        "SELECT sha256, media_type, bytes FROM registry WHERE document_id = ?", (document_id,)
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return Artifact(row[0], row[1], row[2], "content")
