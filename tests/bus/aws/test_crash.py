"""A worker killed between any two steps of settling: done again, and nothing twice."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from lineal.bus.aws.bus import AwsBus
from lineal.runtime import open_runtime
from lineal.settings import Settings
from tests.conformance.harness import (
    fetch_all,
    payload_of,
    publish,
    records,
    running,
    until_settled,
)
from tests.conformance.workload import Done, Task, work

_DYING = """
import asyncio, json, os, signal, sys
from lineal.bus.aws.bus import AwsBus
from lineal.bus.aws.custody import Custody
from lineal.runtime import open_runtime
from lineal.settings import Settings
from tests.conformance.harness import running
from tests.conformance.workload import work

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

publish_outputs = AwsBus.publish_outputs

async def publish_and_die(self, settlements):
    await publish_outputs(self, settlements)
    die()

if sys.argv[2] == "published":
    AwsBus.publish_outputs = publish_and_die
else:
    Custody._delete_batch = die

async def main():
    async with open_runtime(Settings(**json.loads(sys.argv[1]))) as runtime:
        async with running(runtime, work):
            await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["published", "stored"])
async def test_a_worker_killed_while_it_settles(
    settings: Settings, moment: str, tmp_path: Path
) -> None:
    async with open_runtime(settings) as runtime:
        assert isinstance(runtime.bus, AwsBus)
        await runtime.bus.provision("work", [Task.type])
        await runtime.bus.provision("after", [Done.type])
        tasks = [Task(key="abcd"[n % 4], number=n, scratch=str(tmp_path)) for n in range(20)]
        await publish(runtime, *tasks)
        order = json.dumps(settings.model_dump(mode="json"))
        dying = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DYING, order, moment, cwd=Path(__file__).parents[3]
        )
        assert await dying.wait() == -signal.SIGKILL
        kept = len(await records(runtime, "task:a"))
        assert bool(kept) == (moment == "stored")
        async with running(runtime, work):
            await until_settled(runtime, "work")
        for key in "abcd":
            assert len(await records(runtime, f"task:{key}")) == 5, "one step, one record"
        done = await fetch_all(runtime, "after", Done.type, 20, settle=True)
        await until_settled(runtime, "after")
    found = [payload_of(delivery.event) for delivery in done]
    assert Counter(item.number for item in found) == Counter(range(20))
    for key in "abcd":
        numbers = [item.number for item in found if item.key == key]
        assert numbers == sorted(numbers)
