"""Counts in windows by event time, beside Quix Streams, on the same broker and the same topic.

Both count events in tumbling windows by key, exactly once, and publish the windows that close. Each
has one process. Ours writes lineage and its ledger beside it.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.kafka import broker, kafka_topic, new_runtime
from benchmarks.measurement import Benchmark, Result, against_peer
from benchmarks.passthrough import ledger_followed, new_runner, publish_all
from lineal.runtime import Runtime
from lineal.stages import Context, NoConfig, stage
from lineal.stages.result import StepResult
from lineal.windows import Tumbling, Windows
from lineal_cli.lifetime import run_in_loop
from lineal_local.environments import set_up_environment
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.payload import Payload

EVENTS = 15_000
KEYS = 500
SIZE = timedelta(seconds=10)
APART_US = 4_000
"""Between two events: a window of a key has some five."""
_RUNS = 2
_ENVIRONMENT = "quix"


class Click(Payload, type="benchmark.click", version=1):
    page: str
    at_us: int

    def partition_key(self) -> str:
        return self.page


class ClicksCounted(Payload, type="benchmark.clicks_counted", version=1):
    page: str
    begin: int
    clicks: int

    def partition_key(self) -> str:
        return self.page


_WINDOWS: Windows[Click, int] = Windows(
    Tumbling(SIZE), int, start=int, add=lambda count, click: count + 1
)


def _measure() -> Sequence[Result]:
    python = set_up_environment(_ENVIRONMENT)
    with broker() as kafka:
        runs = [run_in_loop(_pair(kafka.bootstrap, python)) for _ in range(_RUNS)]
    peer = "Quix Streams, exactly once"
    return [
        against_peer(
            "library.windows", "events/s", "ratio >= 1.0", peer,
            [(ours.rate, theirs.rate) for ours, theirs in runs],
        ),
        against_peer(
            "library.windows_cpu", "µs", "for the record", f"{peer}; of its process, as ours",
            [(ours.cpu_us, theirs.cpu_us) for ours, theirs in runs],
        ),
    ]  # fmt: skip


class _Run(NamedTuple):
    rate: float
    """Events a second."""
    cpu_us: float
    """Microseconds of CPU an event, of the one process that counts."""


async def _pair(bootstrap: str, python: Path) -> tuple[_Run, _Run]:
    """Ours and the peer's."""
    async with new_runtime(bootstrap) as runtime:
        begin = now_us() - 3_600_000_000  # brokers refuse times to come
        clicks = [Click(page=f"page-{n % KEYS}", at_us=begin + n * APART_US) for n in range(EVENTS)]
        await publish_all(
            runtime,
            [
                (Click.type, first_event(click, id=f"click-{n}", source="benchmark"))
                for n, click in enumerate(clicks)
            ],
        )
        ours = await _ours(runtime)
        theirs = await asyncio.to_thread(_quix, python, bootstrap, kafka_topic(runtime, Click.type))
        return ours, theirs


async def _ours(runtime: Runtime) -> _Run:
    """From the first event on, as the peer is measured: not how long a group takes to be joined."""
    done = 0
    begun = cpu = 0.0

    @stage("benchmark", version="1", produces=ClicksCounted, memo=False)
    async def count_clicks(click: Click, ctx: Context[NoConfig]) -> list[ClicksCounted]:
        nonlocal begun, cpu
        begun = begun or time.perf_counter()
        cpu = cpu or time.process_time()
        added = await _WINDOWS.add(ctx, click.page, click, click.at_us)
        return [
            ClicksCounted(page=click.page, begin=w.begin, clicks=w.value) for w in added.windows
        ]

    def committed(results: Sequence[StepResult]) -> None:
        nonlocal done
        done += len(results)
        if done >= EVENTS:
            runner.stop()

    runner = new_runner(runtime, count_clicks, committed)
    async with ledger_followed(runtime):
        subscription = await runtime.bus.subscribe(
            "benchmark", [Click.type], on_revoking=runner.revoking
        )
        await runner.run(subscription)
        elapsed, spent = time.perf_counter() - begun, time.process_time() - cpu
        return _Run(EVENTS / elapsed, spent / EVENTS * 1e6)


def _quix(python: Path, bootstrap: str, topic: str) -> _Run:
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        script = Path(__file__).with_name("quix_windows.py")
        output = f"quix-{uuid.uuid4().hex[:8]}"
        size_ms = SIZE // timedelta(milliseconds=1)
        done = subprocess.run(
            [python, script, bootstrap, topic, output, str(EVENTS), str(size_ms), folder],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"Quix Streams did not come to its end: {done.stderr[-2000:]}")
    rate, cpu_us = done.stdout.split()[-2:]
    return _Run(float(rate), float(cpu_us))


BENCHMARKS = (Benchmark(("library.windows",), _measure, limit_s=150, environments=(_ENVIRONMENT,)),)
