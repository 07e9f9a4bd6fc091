"""Translates errors of SQLite: transient ones, and those that need somebody to act."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from lineal.errors import StoreDamaged, StoreFull, StoreUnavailable

_FOR_NOW = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
REMEDY = (
    "`lineal restore` puts back a backup, `lineal salvage` takes what can be read into a new data "
    "folder"
)
"""What to do about a damaged database."""
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@contextlib.contextmanager
def errors_translated() -> Iterator[None]:
    """Around what may raise errors of SQLite itself: rows that are fetched, a backup."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate_error(error) from error


def translate_error(error: sqlite3.Error) -> Exception:
    """The error as the rest of lineal knows it; itself where a statement is at fault.

    The codes are those of https://www.sqlite.org/rescode.html.
    """
    # The low byte is the primary code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"the database has no room: {error}")
    if code in _BUSY:
        return StoreUnavailable(f"the database is busy ({error}): try again")
    if code in _FOR_NOW:
        return StoreUnavailable(f"the database cannot be used now: {error}")
    if code in _DAMAGED:
        return StoreDamaged(f"the database is damaged ({error}): {REMEDY}")
    if str(error).startswith(("no such table", "no such column")):
        return StoreDamaged(f"the database is incomplete ({error}): run `lineal rebuild`")
    return error
