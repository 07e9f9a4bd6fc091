"""Kill -9 for one of two daemons in the middle of a sweep."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_cli.examples.example_run import ExampleRun
from lineal_cli.iteration import request_iteration
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.envelope import decode
from lineal_schemas.models import ModelDataset
from lineal_schemas.sweeps import SweepStepFinished, SweepStepRequested
from tests.conformance.harness import publish
from tests.consumers.retrain.flywheel import TEXTS

LINEAL = [sys.executable, "-m", "lineal_cli.main"]
PATIENCE_SECONDS = 180


async def _dataset(folder: Path) -> None:
    """Labelled documents, and a dataset of them."""
    from hashlib import sha256

    from lineal.store.objects import reference

    example = ExampleRun(folder)
    async with example.running(["retrain"], {}):
        for number in range(60):
            label = sorted(TEXTS)[number % 3]
            text = (TEXTS[label].format(n=number) * 50).encode()
            await example.runtime.objects.put_large(text)
            ref = reference(sha256(text).hexdigest(), len(text), "text/plain")
            await publish(
                example.runtime,
                DocumentLabelled(
                    document_id=f"d{number}", label=label, text=ref, by="ann", labelled_us=number
                ),
            )
        await example.until_idle()
        await request_iteration(example.runtime, "documents")
        await example.until(ModelDataset, 1)


async def _steps(folder: Path, kind: Any) -> list[tuple[int, int]]:
    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        found: list[Any] = [
            decode(delivery.event).data async for delivery in runtime.bus.read(kind.type)
        ]
    return [(step.run, step.step) for step in found]


def lineal(folder: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [*LINEAL, *arguments, "--data", str(folder), "--json"], capture_output=True, text=True,
        check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.long
def test_a_killed_daemon_repeats_nothing_that_was_done(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    asyncio.run(_dataset(folder))
    command = [*LINEAL, "run", "sweep", "sweep.run", "--port", "0", "--data", str(folder)]
    with (tmp_path / "log").open("wb") as log:
        daemons = [
            subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path) for _ in range(2)
        ]
        try:
            started = lineal(
                folder, "sweep", "start", "documents", "--method", "grid", "--parallel", "4",
                "--set", "max_ngram=1,2", "--set", "seed=0,1,2,3",
            )  # fmt: skip
            sweep, killed = started["sweep_id"], False
            until = time.monotonic() + PATIENCE_SECONDS
            while (status := lineal(folder, "sweep", "status", sweep))["best"] is None:
                assert time.monotonic() < until, (tmp_path / "log").read_text()[-3000:]
                if not killed and sum(len(run["scores"]) for run in status["runs"]) >= 3:
                    daemons[0].kill()
                    killed = True
            assert killed
        finally:
            for daemon in daemons:
                daemon.kill()
                daemon.wait()
    asked = Counter(asyncio.run(_steps(folder, SweepStepRequested)))
    done = Counter(asyncio.run(_steps(folder, SweepStepFinished)))
    assert set(asked.values()) == set(done.values()) == {1}
    assert set(asked) == set(done)
    assert {run for run, _ in asked} == set(range(8))
