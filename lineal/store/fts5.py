"""Full-text search on SQLite FTS5: entries of a bounded length, ranked by BM25."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from lineal.store.connection import Connection
from lineal.store.filters import document_name, filter_clauses
from lineal.store.pages import MARK_BEGIN, MARK_END, Hit, SearchPage

_LONGEST_ENTRY = 10_000
"""In characters. FTS5 takes time by the square of a word's occurrences in an entry to choose a
snippet: a log of 18 MB as one entry kept a search busy for ten minutes."""

_TOKEN = re.compile(r'"([^"]*)"(\*?)|(\()|(\))|([^\s()"]+)')
_OPERATORS = {"AND", "OR", "NOT"}


def index_pages(connection: Connection, document_id: str, pages: Sequence[SearchPage]) -> None:
    """Make these the only full-text entries of a document."""
    old = connection.execute(
        "SELECT id FROM search_entries WHERE document_id = ?", (document_id,)
    ).fetchall()
    connection.executemany("DELETE FROM search_text WHERE rowid = ?", old)
    connection.execute("DELETE FROM search_entries WHERE document_id = ?", (document_id,))
    for page in pages:
        for stretch in _stretches(page.text):
            (entry,) = connection.execute(
                "INSERT INTO search_entries (document_id, page) VALUES (?, ?) RETURNING id",
                (document_id, page.number),
            ).fetchone()
            connection.execute(
                "INSERT INTO search_text (rowid, text) VALUES (?, ?)", (entry, stretch)
            )


def _stretches(text: str) -> Iterator[str]:
    """A text in entries of a bounded length, cut between words where there are any."""
    begin = 0
    while len(text) - begin > _LONGEST_ENTRY:
        limit = begin + _LONGEST_ENTRY
        end = max(text.rfind("\n", begin, limit), text.rfind(" ", limit - 1_000, limit)) + 1
        if end <= begin:
            end = limit
        yield text[begin:end]
        begin = end
    yield text[begin:]


def search_pages(
    connection: Connection, text: str, limit: int, filters: Mapping[str, str]
) -> list[Hit]:
    """The best pages for a query, best first."""
    query = match_expression(text)
    if query is None:
        return []
    clauses, values = filter_clauses(filters)
    rows = connection.execute(
        "SELECT entry.id, entry.document_id, entry.page, -bm25(search_text) "
        "FROM search_text JOIN search_entries AS entry ON entry.id = search_text.rowid "
        f"WHERE search_text MATCH ? {clauses} ORDER BY bm25(search_text), entry.id",
        (query, *values),
    )
    best: dict[tuple[str, int], tuple[int, float]] = {}
    for entry, document_id, page, score in rows:
        if len(best) == limit:
            break
        best.setdefault((document_id, page), (entry, score))  # a long page has many entries
    return [
        Hit(
            document_id,
            document_name(connection, document_id),
            page,
            score,
            _snippet(connection, query, entry),
        )
        for (document_id, page), (entry, score) in best.items()
    ]


def _snippet(connection: Connection, query: str, entry: int) -> str:
    """Asked for the entries that are shown only: a snippet costs more than finding its entry."""
    row = connection.execute(
        "SELECT snippet(search_text, 0, ?, ?, ' … ', 24) FROM search_text "
        "WHERE search_text MATCH ? AND rowid = ?",
        (MARK_BEGIN, MARK_END, query, entry),
    ).fetchone()
    return str(row[0])


def match_expression(text: str) -> str | None:
    """What a person typed as an FTS5 expression; None if it can find nothing.

    Words must all occur; ``"..."`` is a phrase, ``word*`` a prefix, AND, OR, NOT and parentheses
    combine, also as AND NOT. NOT with nothing before it leaves nothing; any other operator that
    makes no sense where it stands is passed over, so that no input is an error.
    """
    parts: list[str] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        phrase, star, opening, closing, word = match.groups()
        if opening:
            _join(parts)
            parts.append("(")
            depth += 1
        elif closing:
            if depth and parts[-1] == "(":
                parts.pop()
                depth -= 1
                _drop_operator(parts)
            elif depth:
                _drop_operator(parts)
                parts.append(")")
                depth -= 1
        elif word in _OPERATORS:
            if parts and parts[-1] not in ("(", *_OPERATORS):
                parts.append(word)
            elif word == "NOT":
                if not parts or parts[-1] != "AND":
                    return None  # out of no pages: searching for the word would be the opposite
                parts[-1] = "NOT"  # FTS5 does not know AND NOT
        else:
            term = _term(phrase if phrase is not None else word, bool(star))
            if term is not None:
                _join(parts)
                parts.append(term)
    while parts and (parts[-1] == "(" or parts[-1] in _OPERATORS):
        depth -= parts.pop() == "("
    parts.extend(")" * depth)
    return " ".join(parts) or None


def _join(parts: list[str]) -> None:
    if parts and parts[-1] != "(" and parts[-1] not in _OPERATORS:
        parts.append("AND")


def _drop_operator(parts: list[str]) -> None:
    if parts and parts[-1] in _OPERATORS:
        parts.pop()


def _term(text: str, prefix: bool) -> str | None:
    if not prefix and text.endswith("*"):
        text, prefix = text.rstrip("*"), True
    if not any(character.isalnum() for character in text):
        return None
    quoted = text.replace('"', '""').replace("\x00", " ")
    return f'"{quoted}"{" *" if prefix else ""}'
