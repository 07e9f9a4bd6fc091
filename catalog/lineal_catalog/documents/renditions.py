"""Finds the renditions of a document that can be exported."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Literal

import orjson

from lineal.lineage.record import Artifact
from lineal.proof.logged import logged_steps
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.projection import DOCUMENT
from lineal_schemas.objects import ObjectRef

Rendition = Literal["original", "text", "json", "csv", "pdf", "redacted", "deidentified"]
RENDITIONS: tuple[Rendition, ...] = (
    "original", "text", "json", "csv", "pdf", "redacted", "deidentified",
)  # fmt: skip
REDACTED = "redacted"
DEIDENTIFIED = "deidentified"
ANALYSIS = "analysis"
"""Beside the renditions: what the analysis found, which is part of ``json``."""
FIELDS = "fields"
"""Beside the renditions: the fields that were extracted, as JSON."""

_RENDITION_OF_ROLE = {
    "text": "text", "result": "json", "csv": "csv", "pdf": "pdf", "analysis": ANALYSIS,
    REDACTED: REDACTED, DEIDENTIFIED: DEIDENTIFIED, FIELDS: FIELDS,
}  # fmt: skip
"""Of outputs with these roles in lineage records."""


def find_renditions(connection: Connection, document_id: str) -> dict[str, Artifact]:
    """The newest output of a document in each rendition there is, its :data:`ANALYSIS`
    and its :data:`FIELDS`.

    Found in the ledger by their roles, so each is there as soon as the step that made it is
    settled. What is emitted again, since a stage was set back to what it was, is the newest again.
    A PDF whose text layer was good is its own searchable PDF.
    """
    found: dict[str, Artifact] = {}
    original = registered_content(connection, document_id)
    made: dict[str, tuple[Artifact, ...]] = {}
    for record in logged_steps(connection, DOCUMENT + document_id):
        for item in record.inputs:
            if item.role == "content":
                original = item  # a later step knows its media type from the bytes themselves
        outputs, step = record.outputs, record.step
        if record.outcome == "memoised":
            outputs = made.get(step, ()) if step is not None else ()
        elif step is not None:
            made[step] = outputs
        for item in outputs:
            rendition = _RENDITION_OF_ROLE.get(item.role)
            if rendition is not None:
                found[rendition] = item
    if original is not None:
        found["original"] = original
        if "text" in found and original.media_type == "application/pdf":
            found.setdefault("pdf", original)
    return found


def reading_of(renditions: Mapping[str, Artifact]) -> ObjectRef | None:
    """The stored reading of a document, with the places of its words, among its renditions."""
    found = renditions.get("json")
    return None if found is None else reference(found.sha256, found.bytes, found.media_type)


def json_rendition(result: bytes, analysis: bytes | None) -> bytes:
    """The ``json`` rendition: a gzipped TextResult and, if there is one, Analysis as one object."""
    fields = orjson.loads(gzip.decompress(result))
    if analysis is not None:
        fields |= orjson.loads(gzip.decompress(analysis))
    return orjson.dumps(fields)


def registered_content(connection: Connection, document_id: str) -> Artifact | None:
    """The bytes of a document as they arrived; None where they are not known."""
    row = connection.execute(
        "SELECT sha256, media_type, bytes FROM registry WHERE document_id = ?", (document_id,)
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return Artifact(row[0], row[1], row[2], "content")
