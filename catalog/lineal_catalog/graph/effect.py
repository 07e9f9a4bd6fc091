"""The effect of finding what a document mentions: the rows that the triples are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

import orjson

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection
from lineal_schemas.entities import Mention
from lineal_schemas.results import Box

KIND = "entities"
"""Of the records of steps that find mentions."""
_SCORE_UNITS = 10_000
"""Scores are kept as whole numbers: a digest of them is the same on every machine."""


@dataclass(frozen=True, slots=True)
class DocumentMentions(Effect):
    """These are all mentions of a document, whatever an earlier step found."""

    kind: ClassVar[str] = "mentions"
    read_by_others: ClassVar[bool] = True

    document_id: str
    about: str
    """Whom the document is about, as its label says; "" where nothing says so."""
    mentions: tuple[Mention, ...]


def _apply(connection: Connection, changes: Sequence[DocumentMentions]) -> None:
    last = {change.document_id: change for change in changes}
    for change in last.values():
        replace_mentions(connection, change)


def replace_mentions(connection: Connection, change: DocumentMentions) -> None:
    """Make these the only mentions of a document."""
    remove_mentions(connection, change.document_id)
    connection.execute(
        "INSERT INTO graph_documents (document_id, about, digest) VALUES (?, ?, ?)",
        (change.document_id, change.about, mentions_digest(change)),
    )
    connection.executemany(
        "INSERT INTO graph_mentions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                change.document_id, number, item.concept, item.name, item.kind,
                item.text.replace("\x00", "\ufffd"), item.page, item.begin, item.end,
                orjson.dumps(_plain(item.boxes)).decode(),
                round(item.score * _SCORE_UNITS),
                " ".join(item.polarity),
            )
            for number, item in enumerate(change.mentions)
        ],
    )  # fmt: skip


def remove_mentions(connection: Connection, document_id: str) -> None:
    """Delete all mentions of a document."""
    for table in ("graph_mentions", "graph_documents"):
        connection.execute(f"DELETE FROM {table} WHERE document_id = ?", (document_id,))


def stored_mentions(connection: Connection, document_id: str) -> DocumentMentions | None:
    """What the store has of a document; None where no step has looked at it."""
    row = connection.execute(
        "SELECT about FROM graph_documents WHERE document_id = ?", (document_id,)
    ).fetchone()
    if row is None:
        return None
    mentions = connection.execute(
        "SELECT concept, name, kind, text, page, first, beyond, boxes, score, polarity "
        "FROM graph_mentions WHERE document_id = ? ORDER BY number",
        (document_id,),
    ).fetchall()
    return DocumentMentions(
        document_id,
        row[0],
        tuple(
            Mention(
                concept=concept, name=name, kind=kind, text=text, page=page, begin=first,
                end=beyond, boxes=orjson.loads(boxes), score=score / _SCORE_UNITS,
                polarity=tuple(polarity.split()),
            )
            for concept, name, kind, text, page, first, beyond, boxes, score, polarity in mentions
        ),
    )  # fmt: skip


def mentions_digest(change: DocumentMentions) -> str:
    """What a record says of a document's mentions, and what its triples are known by."""
    rows = [
        (
            item.concept, item.name, item.kind, item.text.replace("\x00", "\ufffd"), item.page,
            item.begin, item.end, _plain(item.boxes), round(item.score * _SCORE_UNITS),
            item.polarity,
        )
        for item in change.mentions
    ]  # fmt: skip
    return sha256(orjson.dumps([change.about, rows])).hexdigest()


def _plain(boxes: Sequence[Box]) -> list[list[float]]:
    """Boxes as lists: orjson writes no named tuples."""
    return [list(box) for box in boxes]


register(_apply, DocumentMentions)
