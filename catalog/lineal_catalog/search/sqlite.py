"""Full-text search on SQLite FTS5: entries of a bounded length, ranked by BM25."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence

from lineal.store.connection import Connection
from lineal_catalog.search.filters import document_name, filter_clauses
from lineal_catalog.search.pages import (
    MARK_BEGIN,
    MARK_END,
    Hit,
    SearchPage,
    has_further_words,
    spans,
    text_of,
    with_folded_words,
)
from lineal_catalog.search.query import Term, parse_query
from lineal_catalog.search.snippets import snippet
from lineal_catalog.search.words import BREAK, lexemes, separate_words

ENTRY_COLUMN = "rowid"
"""Of the table of texts: the entry's id."""


def stored_text(span: str) -> str:
    """A part of a page as it is kept."""
    return separate_words(with_folded_words(span))


def differing_words(connection: Connection) -> Iterator[str]:
    """Compare the index of FTS5 with one that is made anew of the texts, and entries with texts.

    FTS5's own check writes, and SQLite's of all tables calls it from 3.44 on only.
    """
    orphans = connection.execute(
        "SELECT rowid FROM search_text_docsize EXCEPT SELECT id FROM search_entries"
    ).fetchall()
    for (entry,) in orphans:
        yield f"the search index has a text {entry} that is of no page"
    connection.execute(
        "CREATE VIRTUAL TABLE temp.texts_again USING fts5 "
        "(text, tokenize = 'unicode61 remove_diacritics 2')"
    )
    connection.execute(
        "INSERT INTO temp.texts_again (rowid, text) SELECT rowid, text FROM main.search_text"
    )
    for name, schema, table in (
        ("words_there", "main", "search_text"),
        ("words_expected", "temp", "texts_again"),
    ):
        connection.execute(
            f"CREATE VIRTUAL TABLE temp.{name} USING fts5vocab ({schema}, {table}, 'instance')"
        )
    differing = (
        "SELECT DISTINCT doc FROM (SELECT term, doc, offset FROM temp.{0} "
        "EXCEPT SELECT term, doc, offset FROM temp.{1})"
    )
    try:
        found: set[int] = set()
        for one, other in (
            ("words_there", "words_expected"),
            ("words_expected", "words_there"),
        ):
            found.update(doc for (doc,) in connection.execute(differing.format(one, other)))
        for doc in sorted(found):
            yield f"the search index has other words than text {doc}"
    finally:
        for name in ("words_there", "words_expected", "texts_again"):
            connection.execute(f"DROP TABLE temp.{name}")


def index_pages(connection: Connection, document_id: str, pages: Sequence[SearchPage]) -> None:
    """Make these the only full-text entries of a document."""
    old = connection.execute(
        "SELECT id FROM search_entries WHERE document_id = ?", (document_id,)
    ).fetchall()
    connection.executemany("DELETE FROM search_text WHERE rowid = ?", old)
    connection.execute("DELETE FROM search_entries WHERE document_id = ?", (document_id,))
    for page in pages:
        for span in spans(page.text):
            (entry,) = connection.execute(
                "INSERT INTO search_entries (document_id, page) VALUES (?, ?) RETURNING id",
                (document_id, page.number),
            ).fetchone()
            connection.execute(
                "INSERT INTO search_text (rowid, text) VALUES (?, ?)", (entry, stored_text(span))
            )


def search_pages(
    connection: Connection,
    text: str,
    limit: int,
    filters: Mapping[str, str],
    names: Collection[str] | None,
) -> list[Hit]:
    """The best pages for a query, best first."""
    # One state of the database for all that is asked of it: another process may replace a page
    # between finding it and showing where the words stand.
    assert isinstance(connection, sqlite3.Connection)
    if connection.in_transaction:
        return _found(connection, text, limit, filters, names)
    connection.execute("BEGIN")
    try:
        return _found(connection, text, limit, filters, names)
    finally:
        connection.execute("COMMIT")


def _found(
    connection: Connection,
    text: str,
    limit: int,
    filters: Mapping[str, str],
    names: Collection[str] | None,
) -> list[Hit]:
    query = match_expression(text)
    if query is None:
        return []
    terms = [part for part in parse_query(text) if isinstance(part, Term)]
    clauses, values = filter_clauses(filters, names)
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
            _snippet(connection, query, entry, terms),
        )
        for (document_id, page), (entry, score) in best.items()
    ]


def _snippet(connection: Connection, query: str, entry: int, terms: Sequence[Term]) -> str:
    """Asked for the entries that are shown only: a snippet costs more than finding its entry."""
    row = connection.execute(
        "SELECT snippet(search_text, 0, ?, ?, ' … ', 24), text FROM search_text "
        "WHERE search_text MATCH ? AND rowid = ?",
        (MARK_BEGIN, MARK_END, query, entry),
    ).fetchone()
    if has_further_words(row[1]):  # FTS5 would show these behind the text, not where they stand
        return snippet(text_of(row[1]).replace(BREAK, ""), terms)
    return str(row[0]).replace(BREAK, "")


def match_expression(text: str) -> str | None:
    """What a person typed as an FTS5 expression; None if it can find nothing."""
    parts = parse_query(text)
    return " ".join(_quoted(part) if isinstance(part, Term) else part for part in parts) or None


def _quoted(term: Term) -> str:
    """A term as it is written, and where that differs as it is compared: entries of earlier
    versions have their words in the first form only."""
    forms = [term.text]
    if not term.text.isascii():
        forms += [" ".join(lexemes(term.text))]
    quoted = dict.fromkeys(_phrase(form, prefix=term.prefix) for form in forms if form)
    return f"({' OR '.join(quoted)})" if len(quoted) > 1 else "".join(quoted)


def _phrase(form: str, *, prefix: bool) -> str:
    quoted = separate_words(form).replace('"', '""').replace("\x00", " ")
    return f'"{quoted}"{" *" if prefix else ""}'
