"""Connections to brokers that break off at any moment: everything goes on when they hold again."""

from __future__ import annotations

import asyncio
import gc
import random
from pathlib import Path

from aiokafka.conn import AIOKafkaConnection

from lineal.daemon import Daemon
from lineal.runtime import open_runtime
from lineal.stages import stage
from lineal_local.kafka import Kafka
from tests.conformance.harness import events_on, publish, until_settled
from tests.conformance.kafka import kafka_settings
from tests.conformance.workload import Done, Task

_TASKS = 600


def open_connections() -> list[AIOKafkaConnection]:
    """Those of all clients of this process."""
    return [
        item
        for item in gc.get_objects()
        if isinstance(item, AIOKafkaConnection) and item.connected()
    ]


async def break_connections(chance: random.Random) -> None:
    """Break one after the other off, without an end."""
    while True:
        if found := open_connections():
            chance.choice(found)._writer.transport.abort()
        await asyncio.sleep(chance.uniform(0.0, 0.05))


@stage("broken", version="1", produces=Done)
async def copy(task: Task) -> Done:
    return Done(key=task.key, number=task.number)


async def test_workers_and_the_ledger_go_on_after_connections_broke(
    tmp_path: Path, kafka: Kafka
) -> None:
    settings = kafka_settings(tmp_path, kafka.bootstrap, partitions=2)
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, [copy])
        await daemon.start()
        breaking = asyncio.create_task(break_connections(random.Random(7)))
        sent = 0
        while sent < _TASKS:
            try:
                await publish(
                    runtime, *(Task(key=f"k{n % 7}", number=n) for n in range(sent, sent + 20))
                )
                sent += 20
            except Exception as error:
                print("publish", repr(error))
        breaking.cancel()
        await until_settled(runtime, "broken")
        await runtime.flush_ledger()
        done = await events_on(runtime, Done.type)
        assert len({event.id for event in done}) == len(done) == _TASKS
        assert daemon.problems == []
        await daemon.stop()
