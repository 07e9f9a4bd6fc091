"""Sources on a schedule in a daemon, and what a kill between any two steps leaves behind."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_producers.sync.producer import SYNC, SyncProducer
from tests.producers.arrivals import arrived, names, until, until_named

FILES = 6

SYNC_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_producers.sync.schedule import synchronise_source
from lineal_producers.sync.settings import SourceSettings

async def main(data, tree, most):
    async with open_runtime(Settings(data=data, durability="normal")) as runtime:
        publish, published = runtime.bus.publish, 0

        async def killed_after(outputs, effects=()):
            nonlocal published
            await publish(outputs, effects)
            published += 1
            if published == most:
                os.kill(os.getpid(), signal.SIGKILL)

        runtime.bus.publish = killed_after
        await synchronise_source(runtime, SourceSettings(url=str(tree)))

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
"""


async def test_killed_right_after_an_announcement_it_announces_nothing_twice(
    tmp_path: Path,
) -> None:
    data, tree = tmp_path / "data", tmp_path / "tree"
    tree.mkdir()

    async def killed_until_done() -> int:
        """Each run is killed after its first announcement; returns how many were."""
        arguments = [sys.executable, "-c", SYNC_KILLED, str(data), str(tree), "1"]
        for kills in range(FILES + 1):
            ended = await asyncio.to_thread(subprocess.run, arguments, timeout=60, check=False)
            if ended.returncode == 0:
                return kills
            assert ended.returncode == -signal.SIGKILL
        raise AssertionError("it announces something again in every run")

    for number in range(FILES):
        (tree / f"{number}").write_text(f"{number}")
    assert await killed_until_done() >= 1
    for number in range(2):
        (tree / f"{number}").unlink()
    assert await killed_until_done() == 2
    async with open_runtime(Settings(data=data, durability="normal")) as runtime:
        assert sorted(await names(runtime)) == [f"{number}" for number in range(FILES)]
        deleted = [item async for item in runtime.bus.read("document.source_deleted")]
    assert len({item.event.id for item in deleted}) == len(deleted) == 2


async def test_a_daemon_compares_each_source_again_and_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_text("1")
    sources = [{"url": str(tmp_path / name), "every": 0.05} for name in ("a", "b")]
    given: Any = {"sync": {"sources": sources}}
    settings = Settings(data=tmp_path / "data", durability="normal", **given)
    assert SYNC.wanted(settings)
    async with open_runtime(settings) as runtime:
        producer = SyncProducer(runtime)
        assert SyncProducer(runtime).standing_by
        running = asyncio.create_task(producer.run())

        async def wrong() -> bool:
            return producer.problem is not None

        async def well() -> bool:
            return producer.problem is None

        await until(wrong)
        assert "mount it" in str(producer.problem)
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "two").write_text("2")
        await until(well)
        (tmp_path / "a" / "three").write_text("3")
        await until_named(runtime, "one", "two", "three")
        assert len(await arrived(runtime)) == 3
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
