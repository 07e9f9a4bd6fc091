"""Work inside a transaction that is undone by itself if it fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from lineal.errors import StoreClosed, StoreDamaged, Unavailable

if TYPE_CHECKING:
    from lineal.store.connection import Connection


def in_savepoint(connection: Connection, work: Callable[[], object]) -> Exception | None:
    """Do work inside the caller's transaction; if it raises, undo it alone and return the error.

    Raises:
        Unavailable, StoreClosed, StoreDamaged: the store is at fault, and not this work.
        Exception: of the work, where there is no transaction in which it could be undone.
    """
    if not connection.in_transaction:
        work()
        return None
    connection.execute("SAVEPOINT attempt")
    try:
        work()
    except (Unavailable, StoreClosed, MemoryError):
        raise
    except Exception as error:
        if _is_damage(error):
            raise
        connection.execute("ROLLBACK TO SAVEPOINT attempt")
        connection.execute("RELEASE SAVEPOINT attempt")
        return error
    connection.execute("RELEASE SAVEPOINT attempt")
    return None


def _is_damage(error: Exception) -> bool:
    """Whether the database is damaged; not where a statement names a table that there never was."""
    cause = error.__cause__
    unknown = isinstance(cause, sqlite3.OperationalError) and "no such" in str(cause)
    return isinstance(error, StoreDamaged) and not unknown
