"""Full-text search on ``tsvector``: entries of a bounded length, ranked by ``ts_rank``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from lineal.store.connection import Connection
from lineal_catalog.search.filters import filter_clauses
from lineal_catalog.search.pages import Hit, SearchPage, spans, text_of
from lineal_catalog.search.query import Part, Term, parse_query
from lineal_catalog.search.snippets import snippet
from lineal_catalog.search.words import former_lexemes, lexemes

_SIGNS = {"AND": "&", "OR": "|", "NOT": "& !", "(": "(", ")": ")"}
_COMPARED = 200
"""Texts that are in memory at once while they are compared with their words."""
_BY_LENGTH = 1
"""Normalization of ts_rank: divided by 1 + the logarithm of the length."""


ENTRY_COLUMN = "entry"
"""Of the table of texts: the entry's id."""


def stored_text(span: str) -> str:
    """A part of a page as it is kept: Postgres's text has no NUL."""
    return span.replace("\x00", "\ufffd")


def differing_words(connection: Connection) -> Iterator[str]:
    """Compare the words of each text with the text."""
    last = -1
    while rows := connection.execute(
        f"SELECT entry, text FROM search_text WHERE entry > ? ORDER BY entry LIMIT {_COMPARED}",
        (last,),
    ).fetchall():
        for entry, text in rows:
            (same,) = connection.execute(
                "SELECT words IN (CAST(? AS tsvector), CAST(? AS tsvector)) FROM search_text "
                "WHERE entry = ?",
                (vector(text), _vector_of(former_lexemes(text)), entry),
            ).fetchone()
            if not same:
                yield f"the search index has other words than text {entry}"
        last = rows[-1][0]


def index_pages(connection: Connection, document_id: str, pages: Sequence[SearchPage]) -> None:
    """Make these the only full-text entries of a document."""
    connection.execute("DELETE FROM search_entries WHERE document_id = ?", (document_id,))
    connection.executemany(
        "WITH entry AS (INSERT INTO search_entries (document_id, page) VALUES (?, ?) RETURNING id) "
        "INSERT INTO search_text (entry, text, words) "
        "SELECT id, CAST(? AS text), CAST(? AS tsvector) FROM entry",
        [
            (document_id, page.number, span, vector(span))
            for page in pages
            for span in spans(page.text)
        ],
    )


def vector(text: str) -> str:
    """A text as Postgres reads a tsvector. It keeps the first 255 places of a word."""
    return _vector_of(lexemes(text))


def _vector_of(words: Sequence[str]) -> str:
    places: dict[str, list[str]] = {}
    for place, lexeme in enumerate(words, 1):
        places.setdefault(lexeme, []).append(str(place))
    return " ".join(f"'{lexeme}':{','.join(found[:255])}" for lexeme, found in places.items())


def search_pages(
    connection: Connection,
    text: str,
    limit: int,
    filters: Mapping[str, str],
    names: Collection[str] | None,
) -> list[Hit]:
    """The best pages for a query, best first."""
    parts = parse_query(text)
    if not parts:
        return []
    clauses, values = filter_clauses(filters, names)
    rows = connection.execute(
        "SELECT best.document_id, coalesce(registry.name, ''), best.page, best.score, whole.text "
        "FROM (SELECT * FROM ("
        "SELECT DISTINCT ON (entry.document_id, entry.page) "  # a long page has many entries
        "entry.id, entry.document_id, entry.page, "
        f"CAST(ts_rank(found.words, query, {_BY_LENGTH}) AS double precision) AS score "
        "FROM search_text AS found JOIN search_entries AS entry ON entry.id = found.entry, "
        f"CAST(? AS tsquery) AS query WHERE found.words @@ query {clauses} "
        "ORDER BY entry.document_id, entry.page, score DESC, entry.id"
        ") AS pages ORDER BY score DESC, id LIMIT ?) AS best "
        "JOIN search_text AS whole ON whole.entry = best.id "
        "LEFT JOIN registry ON registry.document_id = best.document_id "
        "ORDER BY best.score DESC, best.id",
        (match_expression(parts), *values, limit),
    )
    terms = [part for part in parts if isinstance(part, Term)]
    return [
        Hit(document_id, name, page, score, snippet(text_of(whole), terms))
        for document_id, name, page, score, whole in rows
    ]


def match_expression(parts: Sequence[Part]) -> str:
    """A query as Postgres reads a tsquery."""
    return " ".join(_phrase(part) if isinstance(part, Term) else _SIGNS[part] for part in parts)


def _phrase(term: Term) -> str:
    """A term as it is compared, and as entries of earlier versions have it."""
    forms = dict.fromkeys((tuple(lexemes(term.text)), tuple(former_lexemes(term.text))))
    return f"({' | '.join(_followed(form, prefix=term.prefix) for form in forms)})"


def _followed(words: Sequence[str], *, prefix: bool) -> str:
    quoted = [f"'{lexeme}'" for lexeme in words]
    if prefix:
        quoted[-1] += ":*"
    return f"({' <-> '.join(quoted)})"
