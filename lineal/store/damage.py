"""Finds damage to the pages of a SQLite database: lost bits, sectors that were overwritten.

See https://www.sqlite.org/pragma.html#pragma_integrity_check. A page has no checksum: what is
changed within a value is found by digests only, where there are any (:mod:`lineal.proof`).
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from lineal.errors import StoreDamaged
from lineal.store.connection import Connection
from lineal.store.sqlite import connect_read_only
from lineal.store.sqlite_errors import REMEDY, translate_error

_MAX_FINDINGS = 100
_INSTRUCTIONS = 100_000
"""Of SQLite's virtual machine between two looks at the clock."""
_BUSY_SECONDS = 10.0


def find_damage(connection: Connection, *, seconds: float | None = None) -> list[str]:
    """What is wrong with the pages of the database; nothing, where that is not ours to look at.

    Args:
        seconds: look at tables and not at their indexes, and no longer than this.

    Raises:
        StoreUnavailable: the database cannot be read now.
    """
    if not isinstance(connection, sqlite3.Connection):
        return []
    pragma = "integrity_check"
    if seconds is not None:
        pragma = "quick_check"
        until = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > until, _INSTRUCTIONS)
    try:
        rows = connection.execute(f"PRAGMA main.{pragma}({_MAX_FINDINGS})").fetchall()
    except (StoreDamaged, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return []  # it was looked at for as long as was asked
        found = translate_error(error) if isinstance(error, sqlite3.Error) else error
        if not isinstance(found, StoreDamaged):
            raise found from error
        return [str(error.__cause__ or error)]  # as SQLite says it: callers say that it is damage
    finally:
        connection.set_progress_handler(None, 0)
    lines = [line for (text,) in rows for line in str(text).splitlines()]
    said = [line for line in lines if not line.startswith("***")]
    return [] if said == ["ok"] else said


def check_damage(file: Path, *, seconds: float) -> None:
    """Look at a database before work begins, as far as one comes in a time.

    Raises:
        StoreDamaged: it is damaged; says what to do.
        StoreUnavailable: it cannot be read now.
    """
    with contextlib.closing(connect_read_only(file, busy_seconds=_BUSY_SECONDS)) as connection:
        found = find_damage(connection, seconds=seconds)
    if found:
        raise StoreDamaged(f"the database is damaged ({found[0]}): {REMEDY}")
