"""Clicks of robots among those of people, drawn by a simulator; and the memory of many visitors.

Learnt from 4,500 visits of seed 1, with robots as ``TRAINING`` says; evaluated on 4,000 visits of
seed 1001 whose robots have the wider ranges of ``EVALUATION``. The simulator was made
harder, and the threshold found in another way, after a first look at these. The
peer calls the visitors with the most clicks a minute robots, as a rate limit does; precision is
given where each finds nine robots of ten, which for the peer is its best case.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.measurement import Benchmark, Result
from lineal_cli.examples.click_simulation import EVALUATION, TRAINING, Robots, visits
from lineal_consumers.clicks.config import ClicksConfig, ClicksModel
from lineal_consumers.clicks.features import FEATURES, Clicks, vector
from lineal_consumers.clicks.learner import CLICKS, HUMAN, ROBOT
from lineal_consumers.clicks.model import ClickModel
from lineal_learning.learner import LearningData
from lineal_schemas.models import DatasetItem, DatasetManifest
from lineal_schemas.objects import ObjectRef

_RECALL = 0.9
_VISITORS = (20_000, 60_000)
_AT_ONCE = 2_000


def _dataset(folder: Path, count: int, seed: int, robots: Robots) -> list[DatasetItem]:
    items = []
    for visit in visits(count, seed=seed, robots=robots):
        if len(visit.clicks) < ClicksConfig().min_clicks:
            continue
        clicks = Clicks()
        for click in visit.clicks:
            clicks = clicks.with_click(click)
        data = orjson.dumps(clicks.features())
        digest = sha256(data).hexdigest()
        (folder / digest).write_bytes(data)
        ref = ObjectRef(
            uri=f"sha256:{digest}", sha256=digest, bytes=len(data), media_type="application/json"
        )
        label = ROBOT if visit.is_robotic else HUMAN
        items.append(
            DatasetItem(digest=digest, source=visit.visitor, time_us=0, label=label, ref=ref)
        )
    return items


def _measure() -> Sequence[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = _dataset(folder, 4_500, 1, TRAINING)
        held = _dataset(folder, 4_000, 1001, EVALUATION)
        manifest = DatasetManifest(
            model="clicks", kind="clicks", train=tuple(known[::2] + known[1::6]),
            calibration=tuple(known[3::6] + known[5::6]), test=tuple(held),
        )  # fmt: skip
        files = {item.digest: folder / item.digest for item in known + held}
        data, settings = LearningData(manifest, files), ClicksModel()
        model = CLICKS.export(CLICKS.fit(data, settings, "clicks"))
        at_threshold = CLICKS.evaluate(model, data, settings)
        rows = [vector(orjson.loads((folder / item.digest).read_bytes())) for item in held]
        features = np.array(rows, dtype=np.float32)
        truth = np.array([item.label == ROBOT for item in held])
        ours = _precision(ClickModel(model).scores(features), truth)
        peer = _precision(features[:, FEATURES.index("per_minute")], truth)
    print(f"  at the threshold that was calibrated: {at_threshold}")
    return [
        Result(
            name="quality.clicks", value=ours, unit="precision at recall 0.9", goal=">= 0.98",
            peer="a rate limit", peer_value=peer, ratio=ours / peer,
        ),
        Result(
            name="quality.clicks_precision", value=at_threshold["precision"],
            unit="at the threshold", goal="exists",
        ),
        Result(
            name="quality.clicks_recall", value=at_threshold["recall"],
            unit="at the threshold", goal="exists",
        ),
    ]  # fmt: skip


def _precision(scores: Any, truth: Any) -> float:
    """Where nine robots of ten are above the threshold."""
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(truth[order])
    last = int(np.searchsorted(found, _RECALL * truth.sum()))
    return float(found[last] / (last + 1))


_MEMORY = """
import asyncio, sys
from benchmarks.clicks import many_visitors
print(*asyncio.run(many_visitors(int(sys.argv[1]))))
"""


async def many_visitors(count: int) -> tuple[float, float]:
    """So many visitors click, twice each, on a bus with the stage clicks in this process.

    Returns clicks per second, and the process's memory at its largest, in MiB.
    """
    import time

    from lineal_cli.examples.example_run import ExampleRun
    from lineal_schemas.clicks import ClickReceived
    from lineal_schemas.envelope import now_us

    begun, begin_us = time.monotonic(), now_us() - 3_600_000_000
    with tempfile.TemporaryDirectory() as name:
        example = ExampleRun(Path(name) / "data")
        async with example.running(["clicks"], {}):
            for first in range(0, count, _AT_ONCE):
                await example.publish(
                    *(
                        ClickReceived(
                            visitor=f"v{number}", target="t", at_us=begin_us + number + at
                        )
                        for number in range(first, min(count, first + _AT_ONCE))
                        for at in (0, 5_000_000)
                    )
                )
                await example.until_idle()
    seconds = time.monotonic() - begun
    return 2 * count / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measure_memory() -> Sequence[Result]:
    found = []
    for count in _VISITORS:
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY, str(count)], capture_output=True, text=True, check=True
        )
        rate, memory = map(float, done.stdout.split())
        print(f"  {count} visitors: {rate:.0f} clicks/s, {memory:.0f} MiB at most")
        found.append(memory)
    small, large = found
    return [
        Result(
            name="clicks.memory", value=large, unit=f"MiB at {_VISITORS[1]:,} visitors",
            goal="ratio <= 1.25", peer=f"at {_VISITORS[0]:,}", peer_value=small,
            ratio=large / small,
        )
    ]  # fmt: skip


BENCHMARKS = (
    Benchmark(
        ("quality.clicks", "quality.clicks_precision", "quality.clicks_recall"), _measure,
        limit_s=300, timed=False,
    ),
    Benchmark(("clicks.memory",), _measure_memory, limit_s=600, timed=False),
)  # fmt: skip
