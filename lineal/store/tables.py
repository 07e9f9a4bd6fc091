"""Makes the tables of a data folder, and checks that they are of a version that can be used."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from lineal.errors import IncompatibleDatabase
from lineal.lineage.projections import projected_tables
from lineal.store.declared_tables import BUS, PRODUCERS, SHARED
from lineal.store.migrations import OLDEST_VERSION, migrate

if TYPE_CHECKING:
    from lineal.store.sqlite import SqliteConnection

SCHEMA_VERSION = 21
_MAX_VERSION = 100_000
"""Of any lineal that there may ever be."""


def check_version(version: int, what: str) -> None:
    """Check that tables of a schema version can be read.

    Args:
        what: names the database, for the message.

    Raises:
        IncompatibleDatabase: they cannot, not by this lineal or not yet.
    """
    if OLDEST_VERSION <= version < SCHEMA_VERSION:
        raise IncompatibleDatabase(
            f"{what} has schema version {version}, from an earlier lineal: `lineal up`, or any "
            f"other daemon, brings it to {SCHEMA_VERSION} when it starts"
        )
    if not 0 <= version <= _MAX_VERSION:
        raise IncompatibleDatabase(
            f"{what} has schema version {version}, which no lineal writes: its first page is "
            "damaged. `lineal restore` puts back a backup, `lineal salvage` takes what can be read "
            "into a new data folder"
        )
    if version != SCHEMA_VERSION:
        raise IncompatibleDatabase(
            f"{what} has schema version {version}, this lineal writes {SCHEMA_VERSION}: "
            "use the lineal that wrote it, or another one"
        )


def tables_exist(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there; False in a new database.

    Raises:
        IncompatibleDatabase: they are, but with another schema version.
    """
    version = _version(connection)
    if version:
        check_version(version, "the data directory")
    return bool(version)


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def create_tables(connection: SqliteConnection) -> None:
    """Make all tables in a new database, or bring those of an earlier lineal up to date; the
    caller holds the write lock.

    Raises:
        IncompatibleDatabase: the database exists with a schema version that cannot be used.
    """
    version = _version(connection)
    if OLDEST_VERSION <= version < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            migrate(connection, version, SCHEMA_VERSION)
            # Loaded here: it logs, which commands that only ask would load for nothing.
            from lineal.lineage.rebuild import make_missing

            make_missing(connection)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    elif not tables_exist(connection):
        projected = (table.sql for table in projected_tables())
        parts = (BUS, *SHARED, *projected, PRODUCERS)
        connection.executescript(
            f"BEGIN; {''.join(parts)} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
