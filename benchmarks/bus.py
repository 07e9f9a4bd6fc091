"""The embedded bus: throughput against bare SQLite, latency when idle, memory under a backlog."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import Benchmark, Result, against_peer, alone
from benchmarks.passthrough import (
    Ping,
    Pong,
    new_runner,
    new_runtime,
    pings,
    publish_all,
    run,
    run_until_committed,
)
from lineal.stages import stage
from lineal.store.sqlite import SqliteConnection
from lineal.store.tables import create_tables
from lineal_cli.lifetime import run_in_loop

_EVENTS = 20_000
_RUNS = 5
_BACKLOG = 100_000


def measure_passthrough() -> Sequence[Result]:
    """Events a second through the stage, against inserting the rows it wrote, nothing else."""
    pairs = [run_in_loop(_passthrough_and_peer()) for _ in range(_RUNS)]
    return [
        against_peer(
            "bus.embedded_passthrough",
            "events/s",
            "ratio >= 0.55",
            "bare SQLite inserts of the same rows, same durability and batch",
            pairs,
        )
    ]


async def _passthrough_and_peer() -> tuple[float, float]:
    async with new_runtime() as runtime:
        await publish_all(runtime, pings(_EVENTS))
        begun = time.perf_counter()
        commits = await run_until_committed(runtime, _EVENTS)
        ours = _EVENTS / (time.perf_counter() - begun)
        batch = round(statistics.mean(commits))
        rows = _rows_written(runtime.database.reader)
    return ours, await asyncio.to_thread(_insert_bare, rows, batch)


_TABLES = {
    "events": "SELECT * FROM events WHERE type = 'benchmark.pong'",
    "ledger": "SELECT seq, NULL, digest, record FROM ledger",
    "ledger_index": "SELECT * FROM ledger_index ORDER BY id",
    "memo": "SELECT * FROM memo ORDER BY id",
}
_PER_EVENT = {"events": 1, "memo": 1}
"""Of the ledger there are fewer: a row covers many steps."""


def _rows_written(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    rows = {table: connection.execute(query).fetchall() for table, query in _TABLES.items()}
    assert all(len(rows[table]) == _EVENTS * each for table, each in _PER_EVENT.items())
    return rows


def _insert_bare(rows: dict[str, list[tuple[object, ...]]], batch: int) -> float:
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        path = Path(folder) / "bare.db"
        with contextlib.closing(
            sqlite3.connect(path, isolation_level=None, factory=SqliteConnection)
        ) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -32768")
            create_tables(connection)
            statements = {
                table: f"INSERT INTO {table} VALUES ({', '.join('?' * len(items[0]))})"
                for table, items in rows.items()
            }
            begun = time.perf_counter()
            for first in range(0, _EVENTS, batch):
                connection.execute("BEGIN IMMEDIATE")
                for table, items in rows.items():
                    begin, end = (len(items) * event // _EVENTS for event in (first, first + batch))
                    connection.executemany(statements[table], items[begin:end])
                connection.execute("COMMIT")
            return _EVENTS / (time.perf_counter() - begun)


def measure_latency() -> Sequence[Result]:
    """Publish to handled when idle, in one process and between two."""
    return [
        alone(
            "bus.embedded_latency_p50",
            "ms",
            "< 5",
            [run_in_loop(_latency()) for _ in range(3)],
        )
    ]


async def _latency() -> float:
    """Median of 100 events, each published only when the one before has been handled."""
    handled = asyncio.Event()
    async with new_runtime() as runtime:

        @stage("benchmark", version="1", produces=Pong)
        async def note(ping: Ping) -> Pong:
            handled.set()
            return Pong(key=ping.key, text=ping.text)

        runner = new_runner(runtime, note)
        running = asyncio.create_task(run(runtime, runner))
        times = []
        for event in pings(100):
            await asyncio.sleep(0.02)
            handled.clear()
            begun = time.perf_counter()
            await runtime.bus.publish([event])
            await handled.wait()
            times.append((time.perf_counter() - begun) * 1000)
        runner.stop()
        await running
    return statistics.median(times)


def measure_backlog_memory() -> Sequence[Result]:
    """Memory of the process that handles 100,000 queued events, against 10,000 of them.

    Not against none: the database's page caches are full after some thousand events.
    """
    few, many = (
        float(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.bus", str(count)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for count in (10_000, _BACKLOG)
    )
    return [
        Result(
            name="bus.backlog_memory",
            value=many,
            unit="MB",
            goal="flat: ratio about 1",
            peer="the same with 10,000 events queued",
            peer_value=few,
            ratio=many / few,
        )
    ]


async def _backlog(count: int) -> float:
    async with new_runtime() as runtime:
        for first in range(0, count, 1_000):
            await publish_all(runtime, pings(min(1_000, count - first)))
        await run_until_committed(runtime, count)
    return _peak_megabytes()


def _peak_megabytes() -> float:
    """Of this program alone: what getrusage tells a child begins with its parent's peak."""
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


BENCHMARKS = (
    Benchmark(("bus.embedded_passthrough",), measure_passthrough),
    Benchmark(("bus.embedded_latency_p50",), measure_latency),
    Benchmark(("bus.backlog_memory",), measure_backlog_memory, timed=False),
)

if __name__ == "__main__":
    print(run_in_loop(_backlog(int(sys.argv[1]))))
