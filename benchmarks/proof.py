"""The log over the ledger: what it costs beside appending, how fast it is verified, and a bundle.

``LINEAL_BENCHMARK_STEPS`` makes the large ledger smaller: ten million steps take many minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lineage import LineageSteps, append_steps, new_database
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
_VERIFIED = 500_000
_LARGE = int(os.environ.get("LINEAL_BENCHMARK_STEPS", "10000000"))
_BUNDLES = 200
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
    """Steps a second of which the command verifies the log, its start included. What follows from
    the ledger is not there to be compared."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as name:
        folder = Path(name)
        with new_database(folder) as database:
            database.execute("PRAGMA synchronous = OFF")
            append_steps(database, LineageSteps("document:"), _VERIFIED)
        asyncio.run(_sign(folder))
        rates = []
        for _ in range(_RUNS):
            begun = time.perf_counter()
            command = [str(LINEAL), "verify", "--only", "log", "--data", name]
            subprocess.run(command, check=True, capture_output=True)
            rates.append(_VERIFIED / (time.perf_counter() - begun))
    return [alone("proof.verify", "steps/s", ">= 100,000", rates)]


def measure_bundle() -> Sequence[Result]:
    """Milliseconds to find a subject's records in a large ledger, prove and write them."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as name:
        folder = Path(name)
        steps = LineageSteps("document:")
        with new_database(folder) as database:
            database.execute("PRAGMA synchronous = OFF")
            append_steps(database, steps, _LARGE)
        asyncio.run(_sign(folder))
        keys = read_verifier_keys(folder / "log.key")
        times = []
        with contextlib.closing(
            connect_read_only(folder / "lineal.db", busy_seconds=10)
        ) as connection:
            row = read_log(connection)
            assert row is not None and row.checkpoint is not None
            opened = open_checkpoint(row.checkpoint, keys)
            wanted = random.Random(2).sample(range(_LARGE // _STEPS_PER_SUBJECT // 2), _BUNDLES)
            for subject in map(steps.subject, wanted):
                begun = time.perf_counter()
                records = records_behind(connection, subject)
                evidence = prove_records(connection, records.items(), opened)
                write_bundle(folder / "bundle.zip", subject, evidence)
                times.append((time.perf_counter() - begun) * 1_000)
                assert len(evidence) == _STEPS_PER_SUBJECT
    return [alone("proof.bundle", "ms", "< 20", times)]


def measure_erase() -> Sequence[Result]:
    """Milliseconds to erase a subject of ten steps beside a million steps with their events: found,
    deleted, recorded and overwritten."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as name:
        folder = Path(name)
        steps = LineageSteps("document:")
        with new_database(folder) as database:
            database.execute("PRAGMA synchronous = OFF")
            append_steps(database, steps, _ERASED_BESIDE)
        asyncio.run(_publish(folder, steps))
        asyncio.run(_sign(folder))
        return [alone("proof.erase", "ms", "< 1,000", asyncio.run(_erase(folder, steps)))]


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


async def _erase(folder: Path, steps: LineageSteps) -> list[float]:
    times = []
    async with open_runtime(Settings(data=folder)) as runtime:
        await runtime.store.write(make_missing)
        for number in random.Random(3).sample(range(_ERASED_BESIDE // 20), _ERASED):
            begun = time.perf_counter()
            plan = await plan_erasure(runtime, [steps.subject(number)])
            counts = await erase(runtime, plan, "benchmark")
            assert counts["events"] == _STEPS_PER_SUBJECT
            assert await overwrite(runtime) == []
            times.append((time.perf_counter() - begun) * 1_000)
    return times


BENCHMARKS = (
    Benchmark(("proof.append_overhead",), measure_overhead),
    Benchmark(("proof.verify",), measure_verify),
    Benchmark(("proof.bundle",), measure_bundle),
    Benchmark(("proof.erase",), measure_erase),
)
