"""Full-text search on SQLite FTS5: one entry a page, written in the index step's transaction."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MARK_BEGIN, MARK_END = "\x02", "\x03"
"""Around the hits in a snippet; control characters, so that no text can be taken for them."""

_LONGEST_ENTRY = 10_000
"""In characters. FTS5 takes time by the square of a word's occurrences in an entry to choose a
snippet: a log of 18 MB as one entry kept a search busy for ten minutes."""

_TOKEN = re.compile(r'"([^"]*)"(\*?)|(\()|(\))|([^\s()"]+)')
_OPERATORS = {"AND", "OR", "NOT"}


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a document as the index holds it."""

    number: int
    """From 1, within the document."""
    text: str


class Hit(NamedTuple):
    """A page that answers a query."""

    document_id: str
    name: str
    page: int
    score: float
    """Higher is better; comparable within one answer only."""
    snippet: str


def replace_document(
    connection: sqlite3.Connection,
    document_id: str,
    pages: Sequence[SearchPage],
    facets: Mapping[str, str],
) -> None:
    """Make these the only entries of a document."""
    old = connection.execute(
        "SELECT id FROM search_entries WHERE document_id = ?", (document_id,)
    ).fetchall()
    connection.executemany("DELETE FROM search_text WHERE rowid = ?", old)
    connection.execute("DELETE FROM search_entries WHERE document_id = ?", (document_id,))
    connection.execute("DELETE FROM search_facets WHERE document_id = ?", (document_id,))
    for page in pages:
        for stretch in _stretches(page.text):
            (entry,) = connection.execute(
                "INSERT INTO search_entries (document_id, page) VALUES (?, ?) RETURNING id",
                (document_id, page.number),
            ).fetchone()
            connection.execute(
                "INSERT INTO search_text (rowid, text) VALUES (?, ?)", (entry, stretch)
            )
    connection.executemany(
        "INSERT INTO search_facets VALUES (?, ?, ?)",
        [(document_id, key, value) for key, value in facets.items()],
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


def search(
    connection: sqlite3.Connection,
    text: str,
    *,
    limit: int = 20,
    filters: Mapping[str, str] | None = None,
) -> list[Hit]:
    """The best pages for a query, best first.

    ``filters`` are facets (language, class, ...), labels, ``owner`` or ``name``; all must hold.
    """
    query = match_expression(text)
    if query is None:
        return []
    clauses, values = _filter_clauses(filters or {})
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
            _name(connection, document_id),
            page,
            score,
            _snippet(connection, query, entry),
        )
        for (document_id, page), (entry, score) in best.items()
    ]


def _name(connection: sqlite3.Connection, document_id: str) -> str:
    row = connection.execute(
        "SELECT name FROM registry WHERE document_id = ?", (document_id,)
    ).fetchone()
    return row[0] if row is not None else ""


def _snippet(connection: sqlite3.Connection, query: str, entry: int) -> str:
    """Asked for the entries that are shown only: a snippet costs more than finding its entry."""
    row = connection.execute(
        "SELECT snippet(search_text, 0, ?, ?, ' … ', 24) FROM search_text "
        "WHERE search_text MATCH ? AND rowid = ?",
        (MARK_BEGIN, MARK_END, query, entry),
    ).fetchone()
    return str(row[0])


def _filter_clauses(filters: Mapping[str, str]) -> tuple[str, list[str]]:
    clauses, values = "", []
    for key, value in filters.items():
        if key == "owner":
            clauses += (
                "AND EXISTS (SELECT 1 FROM ownership AS o "
                "WHERE o.document_id = entry.document_id AND o.owner = ?) "
            )
            values.append(value)
        elif key == "name":
            clauses += (
                "AND EXISTS (SELECT 1 FROM arrivals AS a "
                "WHERE a.document_id = entry.document_id AND a.name = ?) "
            )
            values.append(value)
        else:
            clauses += (
                "AND (EXISTS (SELECT 1 FROM search_facets AS f WHERE "
                "f.document_id = entry.document_id AND f.key = ? AND f.value = ?) "
                "OR EXISTS (SELECT 1 FROM labels AS l WHERE "
                "l.document_id = entry.document_id AND l.key = ? AND l.value = ?)) "
            )
            values += [key, value, key, value]
    return clauses, values


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
