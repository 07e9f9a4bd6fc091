"""Deletes the oldest readings when the outbox reaches its cap, and records the gap."""

from __future__ import annotations

import sqlite3

MAX_GAPS = 1000
"""Gaps of their own; beyond this, neighbours merge whatever the reason of each was."""

_PAGE = 4096
_ROWS_BATCH_SIZE = 2000


def journal_pages(cap_bytes: int) -> int:
    """Pages the write-ahead log may reach: an eighth of the cap, 4 MiB at most."""
    return max(16, min(cap_bytes // 8, 4 << 20) // _PAGE)


def room(database: sqlite3.Connection, cap_bytes: int) -> int:
    """Bytes until the cap, with the log at its largest; negative when there is too much.

    Pages in use are counted: the file itself never shrinks, it takes its free pages again.
    """
    pages, free = (
        database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count")
    )
    # the log can grow past its checkpoint by one transaction: room for twice its size
    return int(cap_bytes - 2 * journal_pages(cap_bytes) * _PAGE - (pages - free) * _PAGE)


def drop_oldest_readings(database: sqlite3.Connection, too_much: int, wall_us: int) -> int:
    """Replace the oldest readings by gaps, in the open transaction: enough to gain ``too_much``
    bytes or as many as fit one transaction. How many went; 0 when there is none left."""
    (gaps,) = database.execute("SELECT count(*) FROM stream WHERE body IS NULL").fetchone()
    count = min(_ROWS_BATCH_SIZE, max(100, too_much // 64))
    begin = database.execute(
        "SELECT id FROM stream WHERE body IS NOT NULL ORDER BY id LIMIT 1"
    ).fetchone()
    if begin is None:
        return 0
    # with the gap right before them, which most often is that of the last time
    rows = database.execute(
        "SELECT id, boot, first_seq, last_seq, reason FROM stream "
        "WHERE id >= coalesce((SELECT max(id) FROM stream WHERE id < ?), ?) ORDER BY id LIMIT ?",
        (begin[0], begin[0], count),
    ).fetchall()
    dropped = 0
    span: list[tuple[int, int, int, int, str | None]] = []
    for row in rows:
        _, boot, first, last, reason = row
        mergeable = reason in (None, "disk_full") or gaps > MAX_GAPS
        if span and (not mergeable or span[-1][1] != boot):
            _replace(database, span, wall_us)
            span = []
        if mergeable:
            span.append(row)
        if reason is None:
            dropped += last - first + 1
    _replace(database, span, wall_us)
    return dropped


def _replace(
    database: sqlite3.Connection,
    span: list[tuple[int, int, int, int, str | None]],
    wall_us: int,
) -> None:
    if not span or (len(span) == 1 and span[0][4] is not None):
        return
    first, last = span[0], span[-1]
    database.execute("DELETE FROM stream WHERE id BETWEEN ? AND ?", (first[0], last[0]))
    # under the last id: a cursor that stands further back comes upon it
    database.execute(
        "INSERT INTO stream (id, boot, first_seq, last_seq, monotonic_us, wall_us, reason) "
        "VALUES (?, ?, ?, ?, 0, ?, 'disk_full')",
        (last[0], last[1], first[2], last[3], wall_us),
    )
