"""The ledger: what a step costs in time and bytes, and whether that grows with the ledger.

What is compared with a goal is CPU time of the thread that appends: on a machine that others use
too, time on the clock tells more of them. The large ledger is filled with the rows that its steps
would leave, and only every fiftieth of its parts with real steps, whose subjects are asked for:
ten million steps are there after a minute or two instead of ten, and the index is as large.
``LINEAL_BENCHMARK_STEPS`` makes it smaller.
"""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias
from uuid import UUID

from benchmarks.measurement import LINEAL, Benchmark, Result, alone
from benchmarks.processes import cpu_seconds
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.ledger import Ledger, steps_of_subject
from lineal.lineage.record import (
    MAX_STEPS,
    Artifact,
    Build,
    Record,
    StepEntry,
    record_of,
    subject_trace,
)
from lineal.store.connection import Connection
from lineal.store.key_index import KEY_BYTES, add_entries, index_entries
from lineal.store.rows import insert_rows
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
_PART = 1_000 * _STEPS_PER_SUBJECT
"""Steps that hold all of a thousand subjects."""
_REAL_PARTS = 50
"""One of so many parts is made of real steps."""


class LineageSteps:
    """Steps as the pass-through of events of 1 KB leaves them, each with bytes of its own.

    Subjects come in turns of a thousand: the ten steps of one are in ten transactions.
    """

    def __init__(self, prefix: str = "") -> None:
        self._random = random.Random(1)
        self._prefix = prefix
        self._made = 0

    def skip(self, count: int) -> None:
        """Do not make the next steps."""
        self._made += count

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


CpuClock: TypeAlias = Callable[[], float]
"""Tells the CPU seconds that whoever appends has used."""


class _Cost(NamedTuple):
    """Microseconds a step."""

    cpu: float
    elapsed: float


def append_steps(
    connection: Connection, steps: LineageSteps, count: int, cpu_clock: CpuClock = time.thread_time
) -> _Cost:
    """Append steps in transactions of 500."""
    ledger = Ledger()
    cpu = elapsed = 0.0
    for first in range(0, count, _BATCH):
        records = steps.records(min(_BATCH, count - first))
        begun, begun_cpu = time.perf_counter(), cpu_clock()
        connection.execute("BEGIN")
        ledger.append(connection, records)
        connection.execute("COMMIT")
        elapsed += time.perf_counter() - begun
        cpu += cpu_clock() - begun_cpu
    return _Cost(cpu / count * 1e6, elapsed / count * 1e6)


def append_filler(connection: Connection, steps: LineageSteps, begin: int, end: int) -> list[int]:
    """Make a ledger of so many steps one of more, most of them filler; returns the numbers of the
    subjects of those that are real. At least one record is there already."""
    subjects: list[int] = []
    for part in range(begin // _PART, end // _PART):
        if part % _REAL_PARTS == 0:
            append_steps(connection, steps, _PART)
            subjects += range(part * 1_000, (part + 1) * 1_000)
        else:
            _fill(connection, steps, _PART)
    return subjects


def _fill(connection: Connection, steps: LineageSteps, count: int) -> None:
    """Append as many rows of records, and entries of the index, as that many steps leave, of keys
    that nobody asks for."""
    [(number, build, digest, record)] = connection.execute(
        "SELECT seq, build, digest, record FROM ledger ORDER BY seq DESC LIMIT 1"
    ).fetchall()
    random_bytes = random.Random(count).randbytes
    for _ in range(0, count, _BATCH):
        rows, entries = [], []
        for size in (*[MAX_STEPS] * (_BATCH // MAX_STEPS), _BATCH % MAX_STEPS):
            number += 1
            rows.append((number, build, digest, record))
            keys = random_bytes(_KEYS_PER_STEP * size * KEY_BYTES)
            each = (keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES))
            entries.append(index_entries(each, number))
        connection.execute("BEGIN")
        insert_rows(connection, "INSERT INTO ledger", rows)
        add_entries(connection, entries)
        connection.execute("COMMIT")
    steps.skip(count)


_KEYS_PER_STEP = 5
"""Its subject, what it read and what it made, the event that it handled and the one it emitted."""


def measure_append() -> Sequence[Result]:
    """Microseconds to make a record's bytes, and to append it at full durability; bytes on disk."""
    reduce_garbage_collection()
    made, inserted, sizes = [], [], []
    for _ in range(_RUNS):
        records = LineageSteps().records(_APPENDED)
        begun = time.thread_time()
        for record in records:
            canonical_bytes(record)
        made.append((time.thread_time() - begun) / _APPENDED * 1e6)
        with _in_new_folder() as database:
            empty = pages_bytes(database)
            inserted.append(append_steps(database, LineageSteps(), _APPENDED))
            sizes.append((pages_bytes(database) - empty) / _APPENDED)
    return [
        alone("lineage.make", "µs of CPU/step", "<= 10", made),
        alone("lineage.append", "µs of CPU/step", "<= 10", [cost.cpu for cost in inserted]),
        alone(
            "lineage.append_elapsed",
            "µs/step",
            "for the record",
            [cost.elapsed for cost in inserted],
        ),
        alone("lineage.bytes_per_step", "bytes", "<= 250", sizes),
    ]


def pages_bytes(connection: SqliteConnection) -> int:
    """Bytes of the database file."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)


class Flat(NamedTuple):
    """What a large ledger costs."""

    growth: float
    """CPU time of a step in it, divided by that in a small one."""
    growth_elapsed: float
    """The same of time on the clock."""
    stories: list[float]
    """Milliseconds to read all steps of a subject."""
    built: float
    """Seconds until it was there."""
    subjects: list[int]
    """The numbers of those whose steps are real."""


def flat(connection: Connection, steps: LineageSteps, checkpoint: str, cpu_clock: CpuClock) -> Flat:
    """Fill an empty ledger, and measure what it costs when small and when large."""
    reduce_garbage_collection()
    begun = time.perf_counter()
    append_steps(connection, steps, _SMALL)
    connection.execute(checkpoint)
    small = append_steps(connection, steps, _WINDOW, cpu_clock)
    subjects = append_filler(connection, steps, _SMALL + _WINDOW, _LARGE)
    connection.execute(checkpoint)
    built = time.perf_counter() - begun
    large = append_steps(connection, steps, _WINDOW, cpu_clock)
    stories = []
    for number in random.Random(2).sample(subjects, _STORIES):
        begun = time.perf_counter()
        found = steps_of_subject(connection, steps.subject(number))
        stories.append((time.perf_counter() - begun) * 1_000)
        assert len(found) == _STEPS_PER_SUBJECT
    return Flat(large.cpu / small.cpu, large.elapsed / small.elapsed, stories, built, subjects)


def flat_results(found: Flat, suffix: str = "") -> list[Result]:
    """What a large ledger costs, as lines of the table."""
    return [
        alone(f"lineage.flat{suffix}", "times", "<= 1.3", [found.growth]),
        alone(f"lineage.flat_elapsed{suffix}", "times", "for the record", [found.growth_elapsed]),
        alone(f"lineage.story{suffix}", "ms", "< 2", [statistics.median(found.stories)]),
        alone(f"lineage.flat_built{suffix}", "s", "for the record", [found.built]),
    ]


def measure_flat_postgres() -> Sequence[Result]:
    """Whether a step costs more in a large ledger in Postgres, and the story of one subject."""
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
        [(backend,)] = connection.execute("SELECT pg_backend_pid()").fetchall()

        def used() -> float:
            return time.thread_time() + cpu_seconds(backend)

        found = flat(connection, LineageSteps(), "CHECKPOINT", used)
    return flat_results(found, "_postgres")


def measure_query() -> Sequence[Result]:
    """The story of one document out of a million steps: in the store, and the command."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        with new_database(Path(folder)) as database:
            database.execute("PRAGMA synchronous = OFF")
            steps = LineageSteps("document:")
            append_steps(database, steps, _PART)
            subjects = append_filler(database, steps, _PART, _LEDGER)
            database.execute(
                "INSERT INTO registry SELECT document_id, 'default', 'a.pdf', NULL, NULL, NULL, 0 "
                "FROM operations"
            )
            wanted = list(map(steps.subject, random.Random(2).sample(subjects, _STORIES)))
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
    Benchmark(
        ("lineage.make", "lineage.append", "lineage.append_elapsed", "lineage.bytes_per_step"),
        measure_append,
    ),
    Benchmark(
        (
            "lineage.flat_postgres",
            "lineage.flat_elapsed_postgres",
            "lineage.story_postgres",
            "lineage.flat_built_postgres",
        ),
        measure_flat_postgres,
        limit_s=600,
    ),
    Benchmark(("lineage.query", "lineage.query_command"), measure_query),
)
