"""Search among diagrams: by the services they show, and by what pages say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal_catalog.meaning.word_ranking import WordRanking, content_words
from lineal_schemas.diagrams import DiagramFound


class UnknownDiagram(LinealError, LookupError):
    """There is no diagram at this URL."""


class DiagramHit(NamedTuple):
    """A diagram that fits, and how well."""

    diagram: DiagramFound
    score: float
    """By its words (BM25); 0 where only services were asked for."""


def find_diagrams(
    connection: Connection,
    text: str = "",
    services: Sequence[str] = (),
    *,
    min_score: int = 40,
    limit: int = 20,
) -> list[DiagramHit]:
    """The diagrams that show all of some services and of whose pages some words are said.

    Args:
        text: a use case, in words; those with rarer of its words come first.
        services: whole names or words of them, in any case: ``lambda`` finds AWS Lambda.
        min_score: of a service that counts, 0 to 100.
    """
    wanted = [set(content_words(service)) for service in services]
    shown = [
        diagram
        for (found,) in connection.execute("SELECT found FROM diagrams ORDER BY url")
        if _shows(diagram := DiagramFound.model_validate_json(found), wanted, min_score)
    ]
    if not text.strip():
        return [DiagramHit(diagram, 0.0) for diagram in shown[:limit]]
    scores = WordRanking([_verification_of(diagram) for diagram in shown]).shares(text)
    hits = [
        DiagramHit(diagram, score)
        for diagram, score in zip(shown, scores, strict=True)
        if score > 0
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.diagram.url))[:limit]


def diagram_at(connection: Connection, url: str) -> DiagramFound:
    """The diagram at a URL.

    Raises:
        UnknownDiagram: there is none.
    """
    row = connection.execute("SELECT found FROM diagrams WHERE url = ?", (url,)).fetchone()
    if row is None:
        raise UnknownDiagram(f"no diagram is at {url!r}: `lineal diagram search` lists them")
    return DiagramFound.model_validate_json(row[0])


def _shows(diagram: DiagramFound, wanted: Sequence[set[str]], min_score: int) -> bool:
    names = [
        set(content_words(label.service)) for label in diagram.labels if label.score >= min_score
    ]
    return all(any(words <= name for name in names) for words in wanted)


def _verification_of(diagram: DiagramFound) -> str:
    """What pages say of it, and its services. What stands beside it counts more than the page."""
    pieces = [label.service for label in diagram.labels]
    for place in diagram.appearances:
        pieces += [place.title, place.alt, place.alt, place.caption, place.caption, place.text]
    return "\n".join(pieces)
