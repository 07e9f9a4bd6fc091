"""A sweep with two worker processes against one, as a user runs it.

A dataset of made-up customers is fixed once. Each run has a copy of the folder, a daemon
(``lineal run sweep sweep.run``) with one worker process or two, and a sweep that ``lineal sweep
start`` asks for: sixteen runs that differ in their seed alone, so that each step costs the same.
What is compared is steps a second from the first finished one to the last. Twice as many runs as
workers are asked for at a time, so that none waits for the next proposal.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import LINEAL, Benchmark, Result, against_peer
from lineal.events_on_topic import events_on_topic
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_cli.examples.customers import orders_arrive
from lineal_cli.examples.example_run import ExampleRun
from lineal_schemas.models import ModelDataset
from lineal_schemas.sweeps import SweepBest, SweepStepFinished

_RUNS = 3
_CUSTOMERS = 3000
_MODEL = {
    "kind": "table", "target": "churn", "task": "classification", "rounds": 300, "leaves": 31,
    "min_leaf_rows": 5,
}  # fmt: skip
_SETTINGS = """
[stages.tables.models]
customers = ["churn"]
[stages.retrain.models.churn]
kind = "table"
target = "churn"
task = "classification"
rounds = 300
leaves = 31
min_leaf_rows = 5
"""
_SEEDS = ",".join(map(str, range(16)))


async def _fix_dataset(folder: Path) -> None:
    example = ExampleRun(folder)
    settings = {"retrain": {"models": {"churn": _MODEL}},
                "tables": {"models": {"customers": ["churn"]}}}  # fmt: skip
    async with example.running(("tables", "retrain"), settings):
        await orders_arrive(example, _CUSTOMERS, 1)
        await example.until(ModelDataset, 1)


async def _steps_a_second(folder: Path) -> float:
    """Until the sweep names its best."""
    seen: list[float] = []
    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        while True:
            done = [event async for event in events_on_topic(runtime, SweepStepFinished)]
            seen += [time.monotonic()] * (len(done) - len(seen))
            if [event async for event in events_on_topic(runtime, SweepBest)]:
                return (len(seen) - 1) / (seen[-1] - seen[0])
            await asyncio.sleep(0.1)


def _measure_with(workers: int, made: Path, folder: Path) -> float:
    shutil.copytree(made, folder / "data")
    (folder / "lineal.toml").write_text(f'data = "data"\ndurability = "normal"\n{_SETTINGS}')
    command = [str(LINEAL), "sweep", "start", "churn", "--method", "grid", "--set",
               f"seed={_SEEDS}", "--parallel", "4", "--no-iteration"]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    daemon = subprocess.Popen(
        [str(LINEAL), "run", "sweep", "sweep.run", "--port", "0"], cwd=folder,
        env={**os.environ, "LINEAL_WORKERS": str(workers)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        rate = asyncio.run(_steps_a_second(folder / "data"))
    finally:
        daemon.terminate()
        daemon.wait()
    print(f"  {workers} worker{'s' * (workers > 1)}: {rate:.2f} steps/s")
    return rate


def _measure() -> Sequence[Result]:
    pairs = []
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "made"
        asyncio.run(_fix_dataset(made))
        for run in range(_RUNS):
            rates = []
            for workers in (2, 1) if run % 2 else (1, 2):
                folder = Path(name) / f"{run}-{workers}"
                folder.mkdir()
                rates.append((workers, _measure_with(workers, made, folder)))
            found = dict(rates)
            pairs.append((found[2], found[1]))
    return [
        against_peer(
            "sweep.speedup", "steps/s with two workers", "ratio >= 1.85", "with one", pairs
        )
    ]


BENCHMARKS = (Benchmark(("sweep.speedup",), _measure, limit_s=600),)
