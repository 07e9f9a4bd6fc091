"""Ready questions to the graph: which concepts there are, and whose documents mention one."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, get_args

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal_catalog.graph.query import QueryResult, run_query
from lineal_catalog.graph.triples import concept_iri
from lineal_catalog.search.filters import filter_clauses
from lineal_schemas.entities import MentionPolarity

SHOWN_SCORE = 0.7
"""What is less sure is kept, and shown to whoever asks for it."""
POLARITIES: tuple[str, ...] = get_args(MentionPolarity)
_SCORE_UNITS = 10_000


class UnknownConcept(LinealError, LookupError):
    """No document mentions it under this name, or several concepts are called so."""


class ConceptCount(NamedTuple):
    """A concept, and how often it is mentioned."""

    concept: str
    name: str
    kind: str
    documents: int
    mentions: int


def list_concepts(
    connection: Connection,
    *,
    names: Collection[str] | None = None,
    min_score: float = SHOWN_SCORE,
    kind: str | None = None,
    text: str = "",
    concept: str | None = None,
    limit: int = 1000,
) -> list[ConceptCount]:
    """The concepts that documents mention which somebody may see, the most frequent first.

    Args:
        names: those of who asks; None: an owner, who sees everything.
        text: only those in whose name this occurs, whatever the case of letters.
        concept: only the one with this id.
    """
    clauses, values = filter_clauses({}, names)
    conditions: list[tuple[str, str]] = []
    if kind is not None:
        conditions.append(("AND entry.kind = ?", kind))
    if text:
        escaped = re.sub(r"([\\%_])", r"\\\1", text.lower())
        conditions.append(("AND lower(entry.name) LIKE ? ESCAPE '\\'", f"%{escaped}%"))
    if concept is not None:
        conditions.append(("AND entry.concept = ?", concept))
    narrowed = " ".join(condition for condition, _ in conditions)
    rows = connection.execute(
        "SELECT entry.concept, min(entry.name), min(entry.kind), "
        "count(DISTINCT entry.document_id), count(*) FROM graph_mentions AS entry "
        f"WHERE entry.score >= ? {narrowed} {clauses} GROUP BY entry.concept "
        "ORDER BY 4 DESC, 1 LIMIT ?",
        (round(min_score * _SCORE_UNITS), *(value for _, value in conditions), *values, limit),
    )
    return [ConceptCount(*row) for row in rows.fetchall()]


def find_concept(connection: Connection, wanted: str, names: Collection[str] | None = None) -> str:
    """The id of the concept that has this id or name, or that documents mention in these words.

    Raises:
        UnknownConcept
    """
    clauses, values = filter_clauses({}, names)
    plain = " ".join(wanted.lower().split())
    for column in ("concept", "name", "text"):
        rows = connection.execute(
            f"SELECT DISTINCT entry.concept FROM graph_mentions AS entry "
            f"WHERE lower(entry.{column}) = ? {clauses} ORDER BY 1 LIMIT 20",
            (plain, *values),
        ).fetchall()
        if len(rows) == 1:
            return str(rows[0][0])
        if rows:
            listed = ", ".join(str(row[0]) for row in rows)
            raise UnknownConcept(f"{wanted!r} may mean several: give the id of one, {listed}")
    raise UnknownConcept(
        f"no document mentions {wanted!r}: `lineal graph concepts` lists what they mention"
    )


def mentions_of(
    folder: Path,
    graphs: Sequence[str] | None,
    concept: str,
    without: Sequence[str] = (),
    *,
    polarity: Sequence[str] = ("affirmed",),
    min_score: float = SHOWN_SCORE,
) -> QueryResult:
    """Whose documents mention a concept, while none of theirs affirms one of others.

    Args:
        folder, graphs: as of :func:`lineal_catalog.graph.query.run_query`.
        concept, without: ids of concepts.
        polarity: how it is meant, one of these.
        min_score: the lowest score that counts.
    """
    query = files("lineal_catalog.graph").joinpath("queries/mentions.rq").read_text()
    return run_query(
        folder,
        query,
        {
            "concept": f"<{concept_iri(concept)}>",
            "without": [f"<{concept_iri(item)}>" for item in without],
            "polarity": list(polarity),
            "min_score": f"{min_score:.4f}",
        },
        graphs,
    )
