"""Where documents mention a concept, read from the rows that the triples are made of."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import orjson

from lineal.store.connection import Connection
from lineal_catalog.graph.mentioned import SHOWN_SCORE
from lineal_catalog.search.filters import filter_clauses

_SCORE_UNITS = 10_000


class Place(NamedTuple):
    """A place of a document that mentions a concept."""

    document_id: str
    document: str
    """The document's name; empty where it has none."""
    about: str
    text: str
    page: int
    boxes: tuple[tuple[float, ...], ...]
    """Left, top, width and height in fractions of the page, one for each line."""
    score: float
    polarity: tuple[str, ...]


class Neighbour(NamedTuple):
    """A concept that a document mentions too."""

    document_id: str
    concept: str
    name: str
    kind: str
    mentions: int


def list_places(
    connection: Connection,
    concept: str,
    *,
    names: Collection[str] | None = None,
    min_score: float = SHOWN_SCORE,
    polarity: str | None = None,
    limit: int = 200,
    offset: int = 0,
) -> list[Place]:
    """The places that mention a concept in documents that somebody may see, document by document.

    Args:
        names: those of who asks; None: an owner, who sees everything.
        polarity: how it is meant; None: however.
    """
    clauses, values = filter_clauses({}, names)
    meant = "" if polarity is None else "AND (' ' || entry.polarity || ' ') LIKE ?"
    rows = connection.execute(
        "SELECT entry.document_id, coalesce(r.name, ''), d.about, entry.text, entry.page, "
        "entry.boxes, entry.score, entry.polarity FROM graph_mentions AS entry "
        "JOIN graph_documents AS d ON d.document_id = entry.document_id "
        "LEFT JOIN registry AS r ON r.document_id = entry.document_id "
        f"WHERE entry.concept = ? AND entry.score >= ? {meant} {clauses} "
        "ORDER BY entry.document_id, entry.number LIMIT ? OFFSET ?",
        (
            concept, round(min_score * _SCORE_UNITS),
            *([] if polarity is None else [f"% {polarity} %"]), *values, limit, offset,
        ),
    )  # fmt: skip
    return [
        Place(
            document_id, name, about, text, page,
            tuple(tuple(box) for box in orjson.loads(boxes)), score / _SCORE_UNITS,
            tuple(meaning.split()),
        )
        for document_id, name, about, text, page, boxes, score, meaning in rows.fetchall()
    ]  # fmt: skip


def find_neighbours(
    connection: Connection,
    concept: str,
    documents: Collection[str],
    *,
    min_score: float = SHOWN_SCORE,
    limit: int = 8,
) -> list[Neighbour]:
    """The concepts that most of these documents mention too, with the documents that do.

    Args:
        documents: ids of documents that who asks may see.
        limit: how many concepts.
    """
    if not documents:
        return []
    marks = ", ".join("?" * len(documents))
    least = round(min_score * _SCORE_UNITS)
    rows = connection.execute(
        "SELECT document_id, concept, min(name), min(kind), count(*) FROM graph_mentions "
        f"WHERE document_id IN ({marks}) AND score >= ? AND concept IN ("
        f"SELECT concept FROM graph_mentions WHERE document_id IN ({marks}) AND score >= ? "
        "AND concept <> ? GROUP BY concept ORDER BY count(DISTINCT document_id) DESC, concept "
        "LIMIT ?) GROUP BY document_id, concept ORDER BY concept, document_id",
        (*documents, least, *documents, least, concept, limit),
    )
    return [Neighbour(*row) for row in rows.fetchall()]
