"""The effect of embedding a document's paragraphs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection
from lineal_catalog.meaning.paragraphs import Paragraph

KIND = "embed"
"""Of the records of steps that make vectors."""


@dataclass(frozen=True, slots=True)
class ParagraphVectors(Effect):
    """These paragraphs are the only ones of a document, whatever model made earlier ones."""

    kind: ClassVar[str] = "paragraphs"
    read_by_others: ClassVar[bool] = True

    document_id: str
    model: str
    """See :func:`lineal_catalog.meaning.engine.model_id`."""
    paragraphs: tuple[Paragraph, ...]
    vectors: bytes
    """Of each paragraph one after the other, a byte for each dimension."""


def _apply(connection: Connection, changes: Sequence[ParagraphVectors]) -> None:
    last = {change.document_id: change for change in changes}
    for change in last.values():
        replace_paragraphs(connection, change)


def replace_paragraphs(connection: Connection, change: ParagraphVectors) -> None:
    """Make these the only paragraphs of a document."""
    remove_paragraphs(connection, change.document_id)
    size = len(change.vectors) // len(change.paragraphs) if change.paragraphs else 0
    connection.executemany(
        "INSERT INTO meaning_paragraphs "
        "(document_id, model, page, first, beyond, heading, text, vector) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                change.document_id, change.model, item.page, item.begin, item.end, item.heading,
                item.text.replace("\x00", "\ufffd"),
                change.vectors[number * size : (number + 1) * size],
            )
            for number, item in enumerate(change.paragraphs)
        ],
    )  # fmt: skip


def remove_paragraphs(connection: Connection, document_id: str) -> None:
    """Delete all paragraphs of a document."""
    connection.execute("DELETE FROM meaning_paragraphs WHERE document_id = ?", (document_id,))


def digest_of(rows: Iterable[tuple[int, int, int, bytes]]) -> str:
    """What a record says of a document's vectors.

    Args:
        rows: page, begin, end and vector of each paragraph, in their order.
    """
    digest = sha256()
    for page, begin, end, vector in rows:
        digest.update(b"%d %d %d %d " % (page, begin, end, len(vector)))
        digest.update(vector)
    return digest.hexdigest()


def digest_of_change(change: ParagraphVectors) -> str:
    """:func:`digest_of` of what an effect writes."""
    size = len(change.vectors) // len(change.paragraphs) if change.paragraphs else 0
    return digest_of(
        (item.page, item.begin, item.end, change.vectors[number * size : (number + 1) * size])
        for number, item in enumerate(change.paragraphs)
    )


register(_apply, ParagraphVectors)
