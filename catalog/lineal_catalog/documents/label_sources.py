"""Where the labels of documents are from: recognised, and by what, or said, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from lineal.store.connection import Connection

PERSON = "person"
ARRIVAL = "arrival"
"""The label came with the file; that is what somebody said too."""
_SAID = (PERSON, ARRIVAL)
RECOGNIZED = ("correspondent", "date")
"""Labels that are recognised; type is the third, which is the class."""

LABEL_SOURCES = """
CREATE TABLE label_sources (
    document_id TEXT NOT NULL,
    key TEXT NOT NULL,
    source TEXT NOT NULL,
    corrected_by TEXT,
    confidence REAL,
    examples TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (document_id, key)
) WITHOUT ROWID;
"""


class LabelSource(NamedTuple):
    """Where one label is from."""

    source: str
    """:data:`PERSON`, :data:`ARRIVAL`, or how it was recognised: ``label``, ``learnt``, ``place``,
    ``entity``."""
    corrected_by: str | None
    """Who said it; None: it was recognised, or came with the file."""
    confidence: float | None
    examples: tuple[str, ...]
    """Ids of the documents that taught it."""

    def to_dict(self) -> dict[str, Any]:
        """As it is listed in JSON."""
        return self._asdict() | {"examples": list(self.examples)}


def correct_labels(
    connection: Connection, document_id: str, keys: Iterable[str], source: str, by: str | None
) -> None:
    """Note that somebody has said what these labels are: nothing that is recognised changes them
    from then on, also not that they are to be away."""
    connection.executemany(
        "INSERT INTO label_sources (document_id, key, source, corrected_by) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (document_id, key) DO UPDATE SET source = excluded.source, "
        "corrected_by = excluded.corrected_by, confidence = NULL, examples = '[]'",
        [(document_id, key, source, by) for key in keys],
    )


def recognize_labels(
    connection: Connection, document_id: str, found: Mapping[str, Mapping[str, Any]]
) -> None:
    """Take over what was recognised, where nobody has said anything; what is not recognised any
    more goes."""
    known = dict(
        connection.execute(
            "SELECT key, source FROM label_sources WHERE document_id = ?", (document_id,)
        ).fetchall()
    )
    labels = {
        key
        for (key,) in connection.execute(
            "SELECT key FROM labels WHERE document_id = ?", (document_id,)
        ).fetchall()
    }
    for key in RECOGNIZED:
        # A label without a source was given before sources were kept.
        if known.get(key) in _SAID or (key not in known and key in labels):
            continue
        label = found.get(key)
        if label is None:
            if key in known:
                for table in ("labels", "label_sources"):
                    connection.execute(
                        f"DELETE FROM {table} WHERE document_id = ? AND key = ?",
                        (document_id, key),
                    )
            continue
        connection.execute(
            "INSERT INTO labels VALUES (?, ?, ?) "
            "ON CONFLICT (document_id, key) DO UPDATE SET value = excluded.value",
            (document_id, key, label["value"]),
        )
        connection.execute(
            "INSERT INTO label_sources VALUES (?, ?, ?, NULL, ?, ?) "
            "ON CONFLICT (document_id, key) DO UPDATE SET source = excluded.source, "
            "corrected_by = NULL, confidence = excluded.confidence, examples = excluded.examples",
            (
                document_id, key, label["source"], label["confidence"],
                orjson.dumps(label.get("examples", [])).decode(),
            ),
        )  # fmt: skip


def sources_of_labels(
    connection: Connection, document_ids: list[str]
) -> dict[str, dict[str, LabelSource]]:
    """Where the labels of documents are from, by the id of the document and the label."""
    found: dict[str, dict[str, LabelSource]] = {}
    marks = ", ".join("?" * len(document_ids))
    for document_id, key, source, by, confidence, examples in connection.execute(
        "SELECT document_id, key, source, corrected_by, confidence, examples FROM label_sources "
        f"WHERE document_id IN ({marks}) ORDER BY key",
        document_ids,
    ):
        found.setdefault(document_id, {})[key] = LabelSource(
            source, by, confidence, tuple(orjson.loads(examples))
        )
    return found
