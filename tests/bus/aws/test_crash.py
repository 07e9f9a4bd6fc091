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

from lineal.store.connection import Connection
from tests.bus.aws.harness import (
    Installation,
    lag,
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
from lineal.bus.aws.outbox import Outbox
from tests.bus.aws.harness import Installation, opened, working

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_after(function):
    async def call(*arguments):
        await function(*arguments)
        die()
    return call

moment = sys.argv[2]
if moment == "handled":
    Outbox.store = die
elif moment == "stored":
    EventPublisher.publish = die
elif moment == "published":
    EventPublisher.publish = die_after(EventPublisher.publish)
else:
    Outbox._clear = lambda *_: None
    SqsInFlight._delete_batch = die_after(SqsInFlight._delete_batch)

async def main():
    async with opened(Installation(**json.loads(sys.argv[1]))) as process:
        async with working(process.bus):
            await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["handled", "stored", "published", "deleted"])
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
        assert bool(await records(store, "task:a")) == (moment != "handled")
        async with working(bus):
            await until_handled(bus, "work")
        for key in "abcd":
            assert len(await records(store, f"task:{key}")) == 5, "one step, one record"
        found = await numbers(process, await results(bus, 20))
        await until_handled(bus, "after")
        await bus.close()
        assert await store.read(outbox_rows) == 0
    assert Counter(number for _, number in found) == Counter(range(20))
    for key in "abcd":
        of_key = [number for name, number in found if name == key]
        assert of_key == sorted(of_key)


async def test_what_a_dead_process_left_is_published_by_the_sweep(
    installation: Installation,
) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        dying = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PUBLISHING, json.dumps(asdict(installation)),
            cwd=Path(__file__).parents[3],
        )  # fmt: skip
        assert await dying.wait() == -signal.SIGKILL
        assert len(await records(store, "task:a")) == 1
        await bus.maintenance.run_once()
        assert await lag(bus, "work") == 0, "its process could be publishing just now"
        await store.write(lambda c: c.execute("UPDATE outbox SET at = at - 61000000"))
        await bus.maintenance.run_once()
        assert await lag(bus, "work") == 1
        await bus.close()
        assert await store.read(outbox_rows) == 0


_PUBLISHING = """
import asyncio, json, os, signal, sys
from lineal.bus.aws.event_publisher import EventPublisher
from tests.bus.aws.harness import AwsTask, Installation, opened, record_of, task

EventPublisher.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with opened(Installation(**json.loads(sys.argv[1]))) as process:
        event = task(0, "a")
        await process.bus.publish([(AwsTask.type, event)], [record_of(event)])

asyncio.run(main())
"""


def outbox_rows(connection: Connection) -> int:
    """How many outputs are stored and perhaps not published."""
    count: int = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
    return count
