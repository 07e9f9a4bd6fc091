"""The outbox's SQLite file: its tables, and recovery of a damaged one."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import uuid
from pathlib import Path

from lineal_edge.disk_cap import journal_pages

log = logging.getLogger(__name__)

_TABLES = """
CREATE TABLE IF NOT EXISTS boots (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    boot_id TEXT NOT NULL UNIQUE,
    features TEXT NOT NULL,
    first_row INTEGER,
    last_seq INTEGER NOT NULL DEFAULT 0,
    last_event INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS stream (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    monotonic_us INTEGER NOT NULL,
    wall_us INTEGER NOT NULL,
    body BLOB,     -- float64 values; NULL in a gap
    reason TEXT    -- of a gap
);
CREATE INDEX IF NOT EXISTS gaps ON stream (id) WHERE body IS NULL;
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    topic TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS positions (
    source TEXT PRIMARY KEY,
    position TEXT NOT NULL
);
"""


def claim(file: Path) -> int:
    """A descriptor that holds the outbox for this process until it is closed: two agents in one
    outbox would mix their boots.

    Raises:
        OSError: another agent holds it, or the folder cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise OSError(f"{file} is in use by another agent") from error
    return descriptor


def open_database(file: Path, cap_bytes: int) -> sqlite3.Connection:
    """Open the database, or make it. A file that is no longer one is renamed.

    Raises:
        sqlite3.OperationalError: the disk is full or cannot be read.
    """
    try:
        return _connect(file, cap_bytes)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        aside = file.with_name(f"{file.name}.damaged-{uuid.uuid4().hex[:8]}")
        log.error("%s cannot be read (%s): it is put aside as %s", file, error, aside.name)
        file.rename(aside)
        for left in ("-wal", "-shm"):
            file.with_name(file.name + left).unlink(missing_ok=True)
        return _connect(file, cap_bytes)


def _connect(file: Path, cap_bytes: int) -> sqlite3.Connection:
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        pages = journal_pages(cap_bytes)
        database.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        database.execute(f"PRAGMA journal_size_limit = {pages * 4096}")
        database.executescript(_TABLES)
        database.execute("SELECT max(id) FROM stream").fetchone()
    except BaseException:
        database.close()
        raise
    return database
