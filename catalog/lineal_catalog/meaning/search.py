"""Search by meaning: paragraphs near a question by their vectors and by their words, together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal_catalog.meaning.engine import Engine, EngineMissing
from lineal_catalog.meaning.engines import engine_of
from lineal_catalog.meaning.neighbours import nearest
from lineal_catalog.meaning.vector_file import load_vectors, vector_folder
from lineal_catalog.meaning.word_ranking import WordRanking, content_words
from lineal_catalog.search.entries import search
from lineal_catalog.search.filters import document_name, filter_clauses
from lineal_catalog.search.pages import MARK_BEGIN, MARK_END
from lineal_catalog.search.query import Term
from lineal_catalog.search.snippets import snippet

_POOL = 100
"""Paragraphs of each ranking that are compared."""
_PAGES = 50
_MAX_BY_WORDS = 3_000
"""Paragraphs, of the pages that have the words, that are ranked by these."""
_AT_ONCE = 200
_WEIGHTS = {"minilm": (1.0, 0.35), "classical": (0.25, 1.0)}
"""Of the cosine, and of the share of the question's words, by their rarity: cosines of different
models are not alike. Chosen on questions and news that no figure is of."""
_USUAL = (1.0, 0.35)
"""Of paragraphs of another model, which their words have found."""
_UNMARKED = str.maketrans("", "", MARK_BEGIN + MARK_END)
_MAX_QUESTION = 4_000
"""In characters."""


class NothingEmbedded(LinealError, LookupError):
    """No paragraph has a vector yet, or none that an installed model could be asked about."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph that is near to a question."""

    document_id: str
    name: str
    page: int
    begin: int
    """Offset in the document's text, in code points, as ``end``."""
    end: int
    score: float
    """Higher is better; comparable within one answer only."""
    cosine: float | None
    """Of its vector and the question's; None where it was found by its words alone."""
    model: str
    heading: str
    text: str
    snippet: str
    """With marks around the words of the question, as in a search by words."""

    def as_json(self) -> dict[str, Any]:
        """Its fields, with a snippet without marks."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return fields | {"snippet": " ".join(self.snippet.translate(_UNMARKED).split())}

    @property
    def embedded_text(self) -> str:
        """What its vector was made of."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


class _Row(NamedTuple):
    id: int
    document_id: str
    model: str
    page: int
    begin: int
    end: int
    heading: str
    text: str


_COLUMNS = (
    "entry.id, entry.document_id, entry.model, entry.page, entry.first, entry.beyond, "
    "entry.heading, entry.text"
)


def find_passages(
    connection: Connection,
    question: str,
    *,
    limit: int = 20,
    filters: Mapping[str, str] | None = None,
    names: Collection[str] | None = None,
    folder: Path | None = None,
) -> list[Passage]:
    """The best paragraphs for a question or a text, best first.

    Candidates are the nearest by vectors (of each model that made some) and those with the rarest
    words of the question. Both count for each: its cosine, and what share of the question's words
    it has. Ranks alone, as in reciprocal rank fusion, would give a paragraph with one common word
    as much as one that says the same.

    Args:
        filters: as of :func:`lineal_catalog.search.entries.search`.
        names: those of who asks: only what they may see is found; None is an owner.
        folder: where the file of vectors is, when the store does not say.

    Raises:
        NothingEmbedded: there is nothing to search.
    """
    question = question[:_MAX_QUESTION]
    clauses = filter_clauses(filters or {}, names)
    rows: dict[int, _Row] = {}
    cosines: dict[int, float] = {}
    farthest: dict[str, float] = {}
    for engine, model in _engines(connection):
        ranking = _by_vectors(connection, question, engine, model, clauses, folder)
        rows |= {row.id: row for row, _ in ranking}
        cosines |= {row.id: cosine for row, cosine in ranking}
        farthest[model] = ranking[-1][1] if len(ranking) == _POOL else 0.0
    for row in _with_words(connection, question, filters or {}, names):
        rows[row.id] = row
    shares = _shares(question, list(rows.values()))
    scores = {}
    for id in (*cosines, *sorted(shares, key=lambda id: (-shares[id], id))[:_POOL]):
        # What no vector found is no nearer than the farthest that one did.
        cosine = cosines.get(id, farthest.get(rows[id].model, 0.0))
        for_cosine, for_words = _WEIGHTS.get(rows[id].model.partition(":")[0], _USUAL)
        scores[id] = for_cosine * cosine + for_words * shares.get(id, 0.0)
    best = sorted(scores, key=lambda id: (-scores[id], id))[:limit]
    terms = [Term(word, len(word) > 4) for word in content_words(question)]
    return [_passage(connection, rows[id], scores[id], cosines.get(id), terms) for id in best]


def _engines(connection: Connection) -> list[tuple[Engine, str]]:
    models, last = [], ""
    while row := connection.execute(
        "SELECT model FROM meaning_paragraphs WHERE model > ? ORDER BY model LIMIT 1", (last,)
    ).fetchone():
        last = row[0]
        models.append(last)
    if not models:
        raise NothingEmbedded(
            "no document has vectors yet: the stage `embed` makes them (`lineal up` runs it); "
            "for what was read before, `lineal replay --stage embed`"
        )
    engines, missing = [], []
    for model in models:
        try:
            engines.append((engine_of(model), model))
        except EngineMissing as error:
            missing.append(str(error))
    if not engines:
        raise NothingEmbedded("; ".join(missing))
    return engines


def _by_vectors(
    connection: Connection,
    question: str,
    engine: Engine,
    model: str,
    clauses: tuple[str, Sequence[str]],
    folder: Path | None,
) -> list[tuple[_Row, float]]:
    """The nearest paragraphs that the clauses allow."""
    wanted = engine.embed([question])[0]
    if not wanted.any():
        return []
    vectors = load_vectors(connection, folder or vector_folder(connection), model, len(wanted))
    found: list[tuple[_Row, float]] = []
    waiting: list[tuple[int, float]] = []
    for near in nearest(vectors, wanted):
        if near[1] <= 0:
            break
        waiting.append(near)
        if len(waiting) == _AT_ONCE:
            found += _allowed(connection, waiting, clauses)
            waiting = []
            if len(found) >= _POOL:
                return found[:_POOL]
    return (found + _allowed(connection, waiting, clauses))[:_POOL]


def _allowed(
    connection: Connection,
    near: Sequence[tuple[int, float]],
    clauses: tuple[str, Sequence[str]],
) -> list[tuple[_Row, float]]:
    marks = ", ".join("?" * len(near))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM meaning_paragraphs AS entry WHERE entry.id IN ({marks}) "
        f"{clauses[0]}",
        (*(id for id, _ in near), *clauses[1]),
    ).fetchall()
    there = {row[0]: _Row(*row) for row in rows}
    return [(there[id], cosine) for id, cosine in near if id in there]


def _with_words(
    connection: Connection,
    question: str,
    filters: Mapping[str, str],
    names: Collection[str] | None,
) -> list[_Row]:
    """The paragraphs of the pages that have words of the question."""
    words = " OR ".join(f'"{word}"' for word in content_words(question)[:30])
    found: list[_Row] = []
    for hit in search(connection, words, limit=_PAGES, filters=filters, names=names):
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM meaning_paragraphs AS entry "
            "WHERE entry.document_id = ? AND entry.page = ? ORDER BY entry.id LIMIT ?",
            (hit.document_id, hit.page, _MAX_BY_WORDS - len(found)),
        ).fetchall()
        found.extend(_Row(*row) for row in rows)
        if len(found) >= _MAX_BY_WORDS:
            break
    return found


def _shares(question: str, rows: Sequence[_Row]) -> dict[int, float]:
    """The share of the question's words that each paragraph has, where it has one."""
    ranking = WordRanking([f"{row.heading} {row.text}" for row in rows])
    shares = zip(ranking.shares(question), rows, strict=True)
    return {row.id: share for share, row in shares if share > 0}


def _passage(
    connection: Connection, row: _Row, score: float, cosine: float | None, terms: Sequence[Term]
) -> Passage:
    return Passage(
        document_id=row.document_id,
        name=document_name(connection, row.document_id),
        page=row.page,
        begin=row.begin,
        end=row.end,
        score=score,
        cosine=cosine,
        model=row.model,
        heading=row.heading,
        text=row.text,
        snippet=snippet(row.text, terms),
    )
