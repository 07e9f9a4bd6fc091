"""The log over the ledger: what it costs beside appending, how fast it is verified, and a bundle.

Of ten million steps, ``LINEAL_BENCHMARK_STEPS`` makes fewer (:mod:`benchmarks.lineage`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lineage import (
    LineageSteps,
    append_filler,
    append_steps,
    flat,
    flat_results,
    new_database,
)
from benchmarks.measurement import LINEAL, Benchmark, Result, against_peer, alone
from benchmarks.passthrough import Ping, new_runtime, pings, publish_all, run_until_committed
from lineal.erasure.erase import erase, overwrite, plan_erasure
from lineal.lineage.rebuild import make_missing
from lineal.proof.bundle import prove_records, records_behind, write_bundle
from lineal.proof.checkpoint import open_checkpoint
from lineal.proof.follower import LogFollower
from lineal.proof.keys import read_verifier_keys
from lineal.proof.log_tables import read_log
from lineal.proof.writer import sign_behind
from lineal.runtime import open_runtime
from lineal.settings import LogSettings, Settings
from lineal.store.database import Database
from lineal.store.sqlite import connect_read_only
from lineal_cli.lifetime import run_in_loop
from lineal_schemas.envelope import first_event

_EVENTS = 20_000
_RUNS = 5
_VERIFIED = 300_000
_BUNDLES = 200
_BEGINNING = 10_000
"""Steps, all real, with which a ledger with filler begins."""
_STEPS_PER_SUBJECT = 10
_ERASED_BESIDE = 1_000_000
_PUBLISHED_TOGETHER = 10_000
_ERASED = 10


def measure_overhead() -> Sequence[Result]:
    """Microseconds an event takes through a stage with the log following, and without it."""
    run_in_loop(_passthrough(log=False))
    pairs = [
        (run_in_loop(_passthrough(log=True)), run_in_loop(_passthrough(log=False)))
        for _ in range(_RUNS)
    ]
    return [
        against_peer(
            "proof.append_overhead", "µs/event", "ratio <= 1.1", "the same without the log", pairs
        )
    ]


async def _passthrough(*, log: bool) -> float:
    """Until all events are handled, and signed."""
    async with new_runtime() as runtime:
        await publish_all(runtime, pings(_EVENTS))
        follower = LogFollower(
            runtime.store, runtime.bus, runtime.settings.log, runtime.settings.data, "benchmark"
        )
        following = asyncio.create_task(follower.run()) if log else None
        begun = time.perf_counter()
        await run_until_committed(runtime, _EVENTS)
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await follower.close()
        return (time.perf_counter() - begun) / _EVENTS * 1e6


async def _sign(folder: Path) -> None:
    database = Database(folder)
    database.open()
    await sign_behind(database, LogSettings(), folder)
    await database.close()


def measure_verify() -> Sequence[Result]:
    """Steps a second that the command verifies, its start included: the log, and all tables that
    follow from the ledger, with a row of a document for ten steps; and of the log alone."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as name:
        folder = Path(name)
        with new_database(folder) as database:
            database.execute("PRAGMA synchronous = OFF")
            append_steps(database, LineageSteps("document:"), _VERIFIED)
        asyncio.run(_sign(folder))
        rates: dict[str, list[float]] = {"proof.verify": [], "proof.verify_log": []}
        for _ in range(_RUNS):
            for line, options in (("proof.verify", []), ("proof.verify_log", ["--only", "log"])):
                begun = time.perf_counter()
                command = [str(LINEAL), "verify", *options, "--data", name]
                subprocess.run(command, check=True, capture_output=True)
                rates[line].append(_VERIFIED / (time.perf_counter() - begun))
    return [alone(line, "steps/s", ">= 100,000", values) for line, values in rates.items()]


def measure_large_ledger() -> Sequence[Result]:
    """What a ledger of ten million steps costs: whether appending to it costs more, the story of
    one subject, and its bundle: to find its records, to prove and to write them.

    Of fifty parts of the ledger all but one are filler: rows, index entries and leaves as steps
    leave them (see :mod:`benchmarks.lineage`).
    """
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as name:
        folder = Path(name)
        steps = LineageSteps("document:")
        with new_database(folder) as database:
            database.execute("PRAGMA synchronous = NORMAL")
            found = flat(database, steps, "PRAGMA wal_checkpoint(TRUNCATE)", time.thread_time)
        asyncio.run(_sign(folder))
        wanted = random.Random(3).sample(found.subjects, _BUNDLES)
        times = _bundle_times(folder, list(map(steps.subject, wanted)))
    return [*flat_results(found), alone("proof.bundle", "ms", "< 20", times)]


def _bundle_times(folder: Path, subjects: Sequence[str]) -> list[float]:
    """Milliseconds for each."""
    keys = read_verifier_keys(folder / "log.key")
    times = []
    with contextlib.closing(connect_read_only(folder / "lineal.db", busy_seconds=10)) as connection:
        row = read_log(connection)
        assert row is not None and row.checkpoint is not None
        opened = open_checkpoint(row.checkpoint, keys)
        for subject in subjects:
            begun = time.perf_counter()
            records = records_behind(connection, subject)
            evidence = prove_records(connection, records.items(), opened)
            write_bundle(folder / "bundle.zip", subject, evidence)
            times.append((time.perf_counter() - begun) * 1_000)
            assert len(evidence) == _STEPS_PER_SUBJECT
    return times


def measure_erase() -> Sequence[Result]:
    """Milliseconds to erase a subject of ten steps beside a million steps with their events: found,
    deleted, recorded and overwritten. Of the steps most are filler, of the events none."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as name:
        folder = Path(name)
        steps = LineageSteps("document:")
        with new_database(folder) as database:
            database.execute("PRAGMA synchronous = OFF")
            append_steps(database, steps, _BEGINNING)
            subjects = append_filler(database, steps, _BEGINNING, _ERASED_BESIDE)
        asyncio.run(_publish(folder, steps))
        asyncio.run(_sign(folder))
        wanted = list(map(steps.subject, random.Random(3).sample(subjects, _ERASED)))
        return [alone("proof.erase", "ms", "< 1,000", asyncio.run(_erase(folder, wanted)))]


async def _publish(folder: Path, steps: LineageSteps) -> None:
    """An event for each step."""
    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        for begin in range(0, _ERASED_BESIDE, _PUBLISHED_TOGETHER):
            events = [
                first_event(
                    Ping(key=steps.subject(number), text="x" * 400),
                    id=str(number),
                    source="benchmark",
                )._replace(correlationid=steps.subject(number // _STEPS_PER_SUBJECT))
                for number in range(begin, begin + _PUBLISHED_TOGETHER)
            ]
            await runtime.bus.publish([(event.type, event) for event in events])


async def _erase(folder: Path, subjects: Sequence[str]) -> list[float]:
    times = []
    async with open_runtime(Settings(data=folder)) as runtime:
        await runtime.store.write(make_missing)
        for subject in subjects:
            begun = time.perf_counter()
            plan = await plan_erasure(runtime, [subject])
            counts = await erase(runtime, plan, "benchmark")
            assert counts["events"] == _STEPS_PER_SUBJECT
            assert await overwrite(runtime) == []
            times.append((time.perf_counter() - begun) * 1_000)
    return times


BENCHMARKS = (
    Benchmark(("proof.append_overhead",), measure_overhead),
    Benchmark(("proof.verify", "proof.verify_log"), measure_verify, limit_s=240),
    Benchmark(
        (
            "lineage.flat",
            "lineage.flat_elapsed",
            "lineage.story",
            "lineage.flat_built",
            "proof.bundle",
        ),
        measure_large_ledger,
        limit_s=600,
    ),
    Benchmark(("proof.erase",), measure_erase, limit_s=240),
)
