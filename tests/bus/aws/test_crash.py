"""A worker killed between any two steps of a commit: done again, and nothing twice."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.bus.aws.harness import (
    Installation,
    make_groups,
    numbers,
    opened,
    publish_tasks,
    records,
    results,
    until_handled,
    working,
)

_DYING = """
import asyncio, json, os, signal, sys
from lineal.bus.aws.event_publisher import EventPublisher
from lineal.bus.aws.in_flight import SqsInFlight
from tests.bus.aws.harness import Installation, opened, working

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

publish = EventPublisher.publish

async def publish_and_die(self, outputs, nonces):
    await publish(self, outputs, nonces)
    die()

if sys.argv[2] == "published":
    EventPublisher.publish = publish_and_die
else:
    SqsInFlight._delete_batch = die

async def main():
    async with opened(Installation(**json.loads(sys.argv[1]))) as process:
        async with working(process.bus):
            await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["published", "stored"])
async def test_a_worker_killed_while_it_commits(installation: Installation, moment: str) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        await publish_tasks(bus, 20, "abcd")
        dying = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DYING, json.dumps(asdict(installation)), moment,
            cwd=Path(__file__).parents[3],
        )  # fmt: skip
        assert await dying.wait() == -signal.SIGKILL
        kept = len(await records(store, "task:a"))
        assert bool(kept) == (moment == "stored")
        async with working(bus):
            await until_handled(bus, "work")
        for key in "abcd":
            assert len(await records(store, f"task:{key}")) == 5, "one step, one record"
        found = await numbers(process, await results(bus, 20))
        await until_handled(bus, "after")
    assert Counter(number for _, number in found) == Counter(range(20))
    for key in "abcd":
        of_key = [number for name, number in found if name == key]
        assert of_key == sorted(of_key)
