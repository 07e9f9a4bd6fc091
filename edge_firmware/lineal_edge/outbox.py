"""The outbox: readings and events on the device's disk until the bus has acknowledged them.

One SQLite file (WAL, ``synchronous=FULL``: what is committed outlives a power cut). The readings
stream is a row for each reading or gap, in order; together the rows cover every number that is not
acknowledged exactly once. A row goes when the bus says it has it, or, when the disk's cap is
reached, when the oldest readings are replaced by a gap. Events (anomalies, job updates) are kept.

Row ids are AUTOINCREMENT: plain rowids begin anew once the table drains, and a cursor held over
that moment would skip what comes next.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lineal_edge.bounded_queue import Lost
from lineal_edge.clock import Clock, SystemClock
from lineal_edge.disk_cap import drop_oldest_readings, room
from lineal_edge.outbox_file import claim, open_database
from lineal_edge.reading import Reading
from lineal_edge.rows import StreamRow, pack, stream_row
from lineal_schemas.deployments import DeploymentJobUpdated
from lineal_schemas.payload import Payload, payload_bytes
from lineal_schemas.telemetry import DeviceEvent, PreviousBoot

# a boot's rows lie together and in the order of the boots: the row at or behind its first tells
_FORGET_EMPTY_BOOTS = """
DELETE FROM boots WHERE n < (SELECT max(n) FROM boots)
    AND n NOT IN (SELECT boot FROM events)
    AND (first_row IS NULL OR n IS NOT
        (SELECT boot FROM stream WHERE id >= first_row ORDER BY id LIMIT 1))
"""


class OutboxFull(sqlite3.OperationalError):
    """Not even giving up readings makes room for an event."""


class EventRow(NamedTuple):
    """An event as it waits to be sent."""

    id: int
    boot_id: str
    seq: int
    topic: str
    """The MQTT topic's name: ``events`` or ``jobs/update``."""
    body: bytes
    """JSON of a DeviceEvent."""


class Outbox:
    """The outbox of one run of the agent. All methods may be called from any thread; each that
    writes is one transaction, on the disk when it returns.

    Raises, from any writing method:
        sqlite3.OperationalError: the disk is full or broken; nothing was written.
    """

    def __init__(
        self,
        file: Path,
        *,
        device: str,
        features: Sequence[str],
        cap_bytes: int = 512 << 20,
        clock: Clock | None = None,
        boot_id: str | None = None,
        source: str = "",
    ) -> None:
        """Open or make the file, and begin a new boot in it. A file that is no longer a database is
        renamed, and a new one begun. ``source``: what positions are kept under.

        Raises:
            OSError: another agent has it open, or the folder cannot be written.
            sqlite3.OperationalError: the disk is full.
        """
        self.device = device
        self.source = source
        self.boot_id = boot_id or uuid.uuid4().hex
        self.dropped = 0
        """Readings given up for the disk's cap, in this run."""
        self._clock = clock or SystemClock()
        self._cap = cap_bytes
        self._lock = threading.RLock()
        self._claim = claim(file)
        try:
            self._database = open_database(file, cap_bytes)
        except BaseException:
            os.close(self._claim)
            raise
        with self._transaction() as database:
            self.previous = _previous(database)
            database.execute(_FORGET_EMPTY_BOOTS)
            inserted = database.execute(
                "INSERT INTO boots (boot_id, features) VALUES (?, ?)",
                (self.boot_id, json.dumps(list(features))),
            )
            self._boot = int(inserted.lastrowid or 0)
        self._last_seq = 0
        self._last_event = 0
        self._has_rows = False

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                # a full disk may have rolled back by itself
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def append(self, items: Sequence[Reading | Lost]) -> None:
        """Keep readings, and gaps for what the queue lost, in the order of their numbers; and with
        them where their source goes on.

        Raises:
            ValueError: a number is missing or comes twice.
        """
        if not items:
            return
        rows: list[tuple[int, int, int, int, int, bytes | None, str | None]] = []
        expected = self._last_seq + 1
        for item in items:
            if isinstance(item, Reading):
                first = last = item.seq
                rows.append(
                    (self._boot, first, last, item.monotonic_us, item.wall_us, pack(item.values),
                     None)
                )  # fmt: skip
            else:
                first, last, wall = item
                rows.append((self._boot, first, last, 0, wall, None, "queue_full"))
            if first != expected:
                raise ValueError(f"reading {first} follows {expected - 1}")
            expected = last + 1
        with self._transaction() as database:
            if not self._has_rows:
                database.execute(
                    "UPDATE boots SET first_row = 1 + coalesce("
                    "(SELECT seq FROM sqlite_sequence WHERE name = 'stream'), 0) WHERE n = ?",
                    (self._boot,),
                )
            database.executemany(
                "INSERT INTO stream (boot, first_seq, last_seq, monotonic_us, wall_us, body, "
                "reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            database.execute("UPDATE boots SET last_seq = ? WHERE n = ?", (last, self._boot))
            position = newest_position(items)
            if position is not None:
                database.execute(
                    "INSERT OR REPLACE INTO positions (source, position) VALUES (?, ?)",
                    (self.source, position),
                )
        self._last_seq = last
        self._has_rows = True
        self._keep_to_cap()

    def position(self) -> str | None:
        """Where the source goes on, behind the last of its readings that was kept here; None where
        there is none."""
        with self._lock:
            row = self._database.execute(
                "SELECT position FROM positions WHERE source = ?", (self.source,)
            ).fetchone()
        return None if row is None else str(row[0])

    def put_event(self, payload: Payload) -> int:
        """Keep an event and number it; its number. A job update is always kept.

        Raises:
            OutboxFull: it would be kept beyond the cap, and there is no reading left to give up.
        """
        topic = "jobs/update" if isinstance(payload, DeploymentJobUpdated) else "events"
        # refused before it has a number: the numbers of what is kept have no holes
        if topic == "events" and not self._keep_to_cap():
            raise OutboxFull(f"{payload.type} is not kept: the events alone fill the outbox")
        with self._transaction() as database:
            seq = self._last_event + 1
            event = DeviceEvent(
                device=self.device,
                boot_id=self.boot_id,
                event_seq=seq,
                event_type=payload.type,
                event_version=payload.version,
                wall_us=max(0, self._clock.wall_us()),
                data=json.loads(payload_bytes(payload)),
            )
            database.execute(
                "INSERT INTO events (boot, seq, topic, body) VALUES (?, ?, ?, ?)",
                (self._boot, seq, topic, payload_bytes(event)),
            )
            database.execute("UPDATE boots SET last_event = ? WHERE n = ?", (seq, self._boot))
            self._last_event = seq
        self._keep_to_cap()
        return seq

    def stream_after(self, row: int, limit: int) -> list[StreamRow]:
        """Up to ``limit`` rows of the stream behind row id ``row``, oldest first; 0 for the
        beginning."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, boot_id, features, first_seq, stream.last_seq, monotonic_us, wall_us, "
                "body, reason FROM stream JOIN boots ON boots.n = stream.boot "
                "WHERE id > ? ORDER BY id LIMIT ?",
                (row, limit),
            ).fetchall()
        return [stream_row(*row) for row in rows]

    def events_after(self, row: int, limit: int) -> list[EventRow]:
        """Up to ``limit`` events behind row id ``row``, oldest first; 0 for the beginning."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, boot_id, seq, topic, body FROM events "
                "JOIN boots ON boots.n = events.boot WHERE id > ? ORDER BY id LIMIT ?",
                (row, limit),
            ).fetchall()
        return [EventRow(*row) for row in rows]

    def acknowledge(self, boot_id: str, upto_seq: int, upto_event: int) -> None:
        """Forget what the bus has: all readings and events of a boot up to these numbers. A boot
        that is not known has no effect."""
        with self._transaction() as database:
            known = database.execute(
                "SELECT n, first_row FROM boots WHERE boot_id = ?", (boot_id,)
            ).fetchone()
            if known is None:
                return
            boot, first_row = known
            if first_row is not None and upto_seq > 0:
                self._forget_stream(database, boot, first_row, upto_seq)
            database.execute("DELETE FROM events WHERE boot = ? AND seq <= ?", (boot, upto_event))

    def _forget_stream(
        self, database: sqlite3.Connection, boot: int, first_row: int, upto_seq: int
    ) -> None:
        # rows of a boot lie together, so this reads what is acknowledged and one row more
        (end,) = database.execute(
            "SELECT min(first_row) FROM boots WHERE n > ?", (boot,)
        ).fetchone()
        last = database.execute(
            "SELECT id FROM stream WHERE id >= ? AND id < ? AND last_seq > ? ORDER BY id LIMIT 1",
            (first_row, end or 1 << 62, upto_seq),
        ).fetchone()
        keep = last[0] if last else end or 1 << 62
        database.execute("DELETE FROM stream WHERE id >= ? AND id < ?", (first_row, keep))
        # a gap that was acknowledged in part: the readings got through before they were dropped
        database.execute(
            "UPDATE stream SET first_seq = ? WHERE id = ? AND boot = ? AND first_seq <= ?",
            (upto_seq + 1, keep, boot, upto_seq),
        )

    def gap_after(self, boot_id: str, seq: int) -> tuple[int, int] | None:
        """The numbers behind ``seq`` that were given out in a boot and are not here any more, as
        first and last; None where the next one is here, or was never given out."""
        with self._lock:
            known = self._database.execute(
                "SELECT n, first_row, last_seq FROM boots WHERE boot_id = ?", (boot_id,)
            ).fetchone()
            if known is None or seq >= known[2]:
                return None
            boot, first_row, last_seq = known
            oldest = self._database.execute(
                "SELECT boot, first_seq FROM stream WHERE id >= ? ORDER BY id LIMIT 1",
                (first_row,),
            ).fetchone()
        first = oldest[1] if oldest and oldest[0] == boot else last_seq + 1
        return (seq + 1, first - 1) if first > seq + 1 else None

    def make_room(self) -> bool:
        """Give up some of the oldest readings although the cap is not reached, where the disk is
        full for another reason; whether there were any."""
        with self._transaction() as database:
            dropped = drop_oldest_readings(database, 0, self._clock.wall_us())
        self.dropped += dropped
        return dropped > 0

    def _keep_to_cap(self) -> bool:
        """Give up readings until the cap holds; whether it does."""
        while True:
            with self._lock:
                too_much = room(self._database, self._cap)
                if too_much >= 0:
                    return True
                with self._transaction() as database:
                    dropped = drop_oldest_readings(database, -too_much, self._clock.wall_us())
            self.dropped += dropped
            if not dropped:
                return False

    @property
    def bytes(self) -> int:
        """Bytes of the file that are in use."""
        with self._lock:
            pages, free, size = (
                self._database.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    @property
    def waiting_rows(self) -> int:
        """Rows of the stream that wait, at most (counting them would read the whole table)."""
        with self._lock:
            first, last = self._database.execute("SELECT min(id), max(id) FROM stream").fetchone()
        return 0 if first is None else int(last - first + 1)

    def close(self) -> None:
        with self._lock:
            self._database.close()
            os.close(self._claim)


def newest_position(items: Sequence[Reading | Lost]) -> str | None:
    """The position of the last of these that has one."""
    for item in reversed(items):
        if isinstance(item, Reading) and item.position is not None:
            return item.position
    return None


def _previous(database: sqlite3.Connection) -> PreviousBoot | None:
    row = database.execute(
        "SELECT boot_id, last_seq, last_event FROM boots ORDER BY n DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    return PreviousBoot(boot_id=row[0], last_seq=row[1], last_event=row[2])
