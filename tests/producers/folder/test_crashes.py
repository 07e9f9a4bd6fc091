"""A watch that is killed between any two steps announces each file once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from lineal.runtime import open_runtime
from lineal.settings import Settings
from tests.producers.arrivals import names

FILES = 12

WATCHER = """
import asyncio, os, signal, sys
from pathlib import Path
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_producers.folder.watch import FolderWatch

async def main(data, inbox, most):
    async with open_runtime(Settings(data=data, durability="normal")) as runtime:
        publish, published = runtime.bus.publish, 0

        async def killed_after(outputs, effects=()):
            nonlocal published
            await publish(outputs, effects)
            published += 1
            if published == most:
                os.kill(os.getpid(), signal.SIGKILL)

        runtime.bus.publish = killed_after
        await FolderWatch(runtime, inbox, stable_seconds=0.01, scan_seconds=0.1).run()

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
"""


async def test_killed_right_after_an_announcement_it_announces_nothing_twice(
    tmp_path: Path,
) -> None:
    data, inbox = tmp_path / "data", tmp_path / "inbox"
    inbox.mkdir()
    for number in range(FILES):
        (inbox / f"{number}.txt").write_text(f"{number}")
    settings = Settings(data=data, durability="normal")
    arrivals: list[str] = []
    while len(set(arrivals)) < FILES:
        most = min(3, FILES - len(set(arrivals)))
        arguments = [sys.executable, "-c", WATCHER, str(data), str(inbox), str(most)]
        killed = await asyncio.to_thread(subprocess.run, arguments, timeout=60, check=False)
        assert killed.returncode == -signal.SIGKILL
        async with open_runtime(settings) as runtime:
            arrivals = await names(runtime)
    assert sorted(arrivals) == sorted(f"{number}.txt" for number in range(FILES))
