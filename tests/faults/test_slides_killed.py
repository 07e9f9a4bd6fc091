"""Kill -9 for workers and a daemon in the middle of a slide's tiles."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from lineal.events_on_topic import events_on_topic
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_schemas.slides import SlideScored, TilesRequested, TilesScored
from tests.consumers.slides.made_slide import tissue, write_slide

LINEAL = [sys.executable, "-m", "lineal_cli.main"]
PATIENCE_SECONDS = 240
STAGES = ["slides.scatter", "slides.score", "slides.gather"]
TILES = 16 * 16


async def _events(folder: Path, kind: Any) -> list[Any]:
    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        return [event.data async for event in events_on_topic(runtime, kind)]


async def _tiles(folder: Path, scored: SlideScored) -> Sequence[int]:
    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        data = await runtime.objects.get(scored.scores)
    found: list[int] = np.load(io.BytesIO(data))["tiles"].tolist()
    return found


def _wait(folder: Path, kind: Any, count: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while len(asyncio.run(_events(folder, kind))) < count:
        assert time.monotonic() < until, log.read_text()[-3000:]
        time.sleep(0.1)


@pytest.mark.long
def test_killed_in_the_middle_of_the_tiles_a_slide_is_scored_once_and_whole(
    tmp_path: Path,
) -> None:
    folder, log = tmp_path / "data", tmp_path / "log"
    (tmp_path / "lineal.toml").write_text(
        'data = "data"\nworkers = 2\ndurability = "normal"\n[stages.slides]\ntiles_per_part = 8\n'
    )
    segments = [tissue(seed, 4 + seed) for seed in range(8)]
    slide = write_slide(
        tmp_path / "slide.tif", 8192, lambda row, column: segments[(row + column) % 8]
    )
    subprocess.run(
        [*LINEAL, "slide", "put", str(slide), "--id", "one"], cwd=tmp_path, check=True,
        capture_output=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen(
                [*LINEAL, "run", *STAGES, "--port", "0"], cwd=tmp_path, stdout=out, stderr=out
            )

    daemon = start()
    killed = 0
    try:
        _wait(folder, TilesScored, 2, log)
        for child in psutil.Process(daemon.pid).children(recursive=True):
            child.kill()  # the workers, which are in the middle of tiles
            killed += 1
        _wait(folder, TilesScored, 8, log)
        daemon.kill()
        daemon.wait()
        begun = len(asyncio.run(_events(folder, TilesScored)))
        assert begun < TILES // 8
        daemon = start()
        _wait(folder, SlideScored, 1, log)
    finally:
        for child in psutil.Process(daemon.pid).children(recursive=True):
            child.kill()
        daemon.kill()
        daemon.wait()
    assert killed >= 1
    asked = Counter(part.index for part in asyncio.run(_events(folder, TilesRequested)))
    done = Counter(part.index for part in asyncio.run(_events(folder, TilesScored)))
    assert asked == done == Counter(range(TILES // 8))
    (scored,) = asyncio.run(_events(folder, SlideScored))
    assert sorted(asyncio.run(_tiles(folder, scored))) == list(range(TILES))
    shown = subprocess.run(
        [*LINEAL, "dead", "list", "--json"], cwd=tmp_path, capture_output=True, check=True,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert not json.loads(shown.stdout)
