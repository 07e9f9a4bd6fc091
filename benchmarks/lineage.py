"""The ledger: what a step costs in time and bytes, and whether that grows with the ledger.

``LINEAL_BENCHMARK_STEPS`` makes the large ledger smaller: ten million steps take many minutes.
"""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from benchmarks.measurement import LINEAL, Benchmark, Result, alone
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.ledger import Ledger, steps_of_subject
from lineal.lineage.record import Artifact, Build, Record, StepEntry, record_of, subject_trace
from lineal.store.connection import Connection
from lineal.store.sqlite import SqliteConnection, connect
from lineal.store.tables import create_tables
from lineal_cli.lifetime import reduce_garbage_collection

_BUILD = Build("passthrough", "1", "c" * 64, "d" * 64)
_APPENDED = 20_000
_BATCH = 500
_RUNS = 5
_LEDGER = 1_000_000
_STEPS_PER_SUBJECT = 10
_SMALL = 100_000
_LARGE = int(os.environ.get("LINEAL_BENCHMARK_STEPS", "10000000"))
_WINDOW = 100_000
"""Steps whose cost is measured from each size on: the index does its work in lumps."""
_STORIES = 1_000


class LineageSteps:
    """Steps as the pass-through of events of 1 KB leaves them, each with bytes of its own.

    Subjects come in turns of a thousand: the ten steps of one are in ten transactions.
    """

    def __init__(self, prefix: str = "") -> None:
        self._random = random.Random(1)
        self._prefix = prefix
        self._made = 0

    def subject(self, number: int) -> str:
        return f"{self._prefix}{UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)}"

    def records(self, count: int) -> list[Record]:
        bytes_of = self._random.randbytes
        records = []
        for number in range(self._made, self._made + count):
            subject = self.subject(number // (1_000 * _STEPS_PER_SUBJECT) * 1_000 + number % 1_000)
            entry = StepEntry(
                subject,
                1_795_000_000_000_000 + 137 * number,
                150 + number % 40,
                1_000 + number % 5_000,
                events_in=(str(UUID(bytes=bytes_of(16))),),
                emitted=("benchmark.pong",),
                inputs=(Artifact(bytes_of(32).hex(), "application/json", 1_024, "event"),),
                outputs=(Artifact(bytes_of(32).hex(), "application/json", 1_024, "event"),),
                trace=subject_trace(subject),
            )
            records.append(
                record_of(entry, build=_BUILD, actor="stage:passthrough", worker="host/1234")
            )
        self._made += count
        return records


@contextlib.contextmanager
def new_database(folder: Path) -> Iterator[SqliteConnection]:
    with contextlib.closing(connect(folder / "lineal.db", "full")) as database:
        create_tables(database)
        yield database


@contextlib.contextmanager
def _in_new_folder() -> Iterator[SqliteConnection]:
    with (
        tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder,
        new_database(Path(folder)) as database,
    ):
        yield database


def append_steps(connection: Connection, steps: LineageSteps, count: int) -> float:
    """Append steps in transactions of 500; returns microseconds a step."""
    ledger = Ledger()
    taken = 0.0
    for first in range(0, count, _BATCH):
        records = steps.records(min(_BATCH, count - first))
        begun = time.perf_counter()
        connection.execute("BEGIN")
        ledger.append(connection, records)
        connection.execute("COMMIT")
        taken += time.perf_counter() - begun
    return taken / count * 1e6


def measure_append() -> Sequence[Result]:
    """Microseconds to make a record's bytes, and to append it at full durability; bytes on disk."""
    reduce_garbage_collection()
    made, inserted, sizes = [], [], []
    for _ in range(_RUNS):
        records = LineageSteps().records(_APPENDED)
        begun = time.perf_counter()
        for record in records:
            canonical_bytes(record)
        made.append((time.perf_counter() - begun) / _APPENDED * 1e6)
        with _in_new_folder() as database:
            empty = _pages(database)
            inserted.append(append_steps(database, LineageSteps(), _APPENDED))
            sizes.append((_pages(database) - empty) / _APPENDED)
    return [
        alone("lineage.make", "µs/step", "<= 10", made),
        alone("lineage.append", "µs/step", "<= 10", inserted),
        alone("lineage.bytes_per_step", "bytes", "<= 250", sizes),
    ]


def _pages(connection: SqliteConnection) -> int:
    """Bytes of the database file."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)


class _Flat(NamedTuple):
    """What a large ledger costs."""

    growth: float
    """Cost of a step in it, divided by that in a small one."""
    stories: list[float]
    """Milliseconds to read all steps of a subject."""


def _flat(connection: Connection, checkpoint: str) -> _Flat:
    reduce_garbage_collection()
    steps = LineageSteps()
    append_steps(connection, steps, _SMALL)
    connection.execute(checkpoint)
    small = append_steps(connection, steps, _WINDOW)
    append_steps(connection, steps, _LARGE - _SMALL - _WINDOW)
    connection.execute(checkpoint)
    large = append_steps(connection, steps, _WINDOW)
    stories = []
    for number in random.Random(2).sample(range(_LARGE // _STEPS_PER_SUBJECT // 2), _STORIES):
        begun = time.perf_counter()
        found = steps_of_subject(connection, steps.subject(number))
        stories.append((time.perf_counter() - begun) * 1_000)
        assert len(found) == _STEPS_PER_SUBJECT
    return _Flat(large / small, stories)


def measure_flat() -> Sequence[Result]:
    """Whether a step costs more in a large ledger, and the story of one subject out of it."""
    with _in_new_folder() as database:
        database.execute("PRAGMA synchronous = NORMAL")
        found = _flat(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    return [
        alone("lineage.flat", "times", "<= 1.3", [found.growth]),
        alone("lineage.story", "ms", "< 2", [statistics.median(found.stories)]),
    ]


def measure_flat_postgres() -> Sequence[Result]:
    """The same in Postgres."""
    from lineal.store.postgres import tables
    from lineal.store.postgres.connection import connect as connect_postgres
    from lineal_local.postgres import Postgres

    with (
        Postgres() as server,
        server.database("benchmark") as url,
        contextlib.closing(connect_postgres(url, write=True)) as connection,
    ):
        connection.execute("SET synchronous_commit = off")
        tables.create_tables(connection)
        found = _flat(connection, "CHECKPOINT")
    return [
        alone("lineage.flat_postgres", "times", "<= 1.3", [found.growth]),
        alone("lineage.story_postgres", "ms", "< 2", [statistics.median(found.stories)]),
    ]


def measure_query() -> Sequence[Result]:
    """The story of one document out of a million steps: in the store, and the command."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        with new_database(Path(folder)) as database:
            database.execute("PRAGMA synchronous = OFF")
            steps = LineageSteps("document:")
            append_steps(database, steps, _LEDGER)
            database.execute(
                "INSERT INTO registry SELECT document_id, 'default', 'a.pdf', NULL, NULL, NULL, 0 "
                "FROM operations"
            )
            subjects = _LEDGER // _STEPS_PER_SUBJECT
            wanted = [steps.subject(number * 997 % subjects) for number in range(_STORIES)]
            times = []
            for subject in wanted:
                begun = time.perf_counter()
                found = steps_of_subject(database, subject)
                times.append((time.perf_counter() - begun) * 1000)
                assert len(found) == _STEPS_PER_SUBJECT
        commands = []
        for subject in wanted[:9]:
            begun = time.perf_counter()
            subprocess.run(
                [str(LINEAL), "lineage", subject.removeprefix("document:"), "--data", folder],
                check=True,
                capture_output=True,
            )
            commands.append((time.perf_counter() - begun) * 1000)
    return [
        alone("lineage.query", "ms", "< 1", times),
        alone("lineage.query_command", "ms", "< 300", commands),
    ]


BENCHMARKS = (
    Benchmark(("lineage.make", "lineage.append", "lineage.bytes_per_step"), measure_append),
    Benchmark(("lineage.flat", "lineage.story"), measure_flat),
    Benchmark(("lineage.flat_postgres", "lineage.story_postgres"), measure_flat_postgres),
    Benchmark(("lineage.query", "lineage.query_command"), measure_query),
)
