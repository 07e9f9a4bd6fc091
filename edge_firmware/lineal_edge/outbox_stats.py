"""Statistics of an outbox, read while the agent may be running."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple


class OutboxStats(NamedTuple):
    """The contents of an outbox, in numbers."""

    boot_id: str | None
    """Of the last start; None where there was none."""
    readings: int
    """Taken since then, as far as they are on the disk."""
    waiting: int
    """Readings that the bus does not have."""
    gaps: int
    lost: int
    """Readings missing in these gaps."""
    events: int
    bytes: int
    """Of the files, with the log."""


def read_outbox_stats(file: Path) -> OutboxStats:
    """Count the rows that wait. Reads the outbox once, without blocking its writer.

    Raises:
        OSError: it cannot be read, or is no outbox.
    """
    if not file.exists():
        return OutboxStats(None, 0, 0, 0, 0, 0, 0)
    try:
        # not mode=ro: after a power cut even a reader has to recover the log
        database = sqlite3.connect(file, timeout=5)
        try:
            boot_id, readings = database.execute(
                "SELECT boot_id, last_seq FROM boots ORDER BY n DESC LIMIT 1"
            ).fetchone() or (None, 0)
            gaps, lost = database.execute(
                "SELECT count(*), coalesce(sum(last_seq - first_seq + 1), 0) FROM stream "
                "WHERE body IS NULL"
            ).fetchone()
            (rows,) = database.execute("SELECT count(*) FROM stream").fetchone()
            (events,) = database.execute("SELECT count(*) FROM events").fetchone()
        finally:
            database.close()
    except sqlite3.Error as error:
        raise OSError(f"{file}: {error}") from error
    size = sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*") if part.is_file())
    return OutboxStats(boot_id, readings, rows - gaps, gaps, lost, events, size)
