"""The bus on Kafka, against loops written with nothing but a client library.

One broker on this machine, the same 1 KB events for all, four partitions; every measurement works
off a backlog. Brokers and clients share the machine's cores.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.passthrough import Ping, pings, publish_all, run_until_settled
from lineal.cli.lifetime import run_in_loop
from lineal.runtime import Runtime, open_runtime
from lineal.settings import KafkaSettings, Settings
from lineal_local.kafka import Kafka

_EVENTS = 40_000
_RUNS = 5
_PARTITIONS = 4


@contextlib.contextmanager
def broker() -> Any:
    """A broker as large as the notes' figures are for."""
    with Kafka(heap="1g") as kafka:
        yield kafka


@contextlib.asynccontextmanager
async def new_runtime(bootstrap: str, **options: Any) -> AsyncIterator[Runtime]:
    """A bus with a prefix of its own, on an empty data folder."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        settings = Settings(
            data=Path(folder),
            durability="full",
            partitions=_PARTITIONS,
            bus=f"kafka://{bootstrap}",
            kafka=KafkaSettings(prefix=f"b{uuid.uuid4().hex[:8]}."),
            **options,
        )
        async with open_runtime(settings) as runtime:
            yield runtime


def kafka_topic(runtime: Runtime, topic: str) -> str:
    """What a topic of a runtime is called on the broker."""
    return f"{runtime.settings.kafka.prefix}{topic}"


async def ours(bootstrap: str, **options: Any) -> tuple[float, float, str]:
    """Events a second, events a transaction, and the topic they came from."""
    async with new_runtime(bootstrap, **options) as runtime:
        await publish_all(runtime, pings(_EVENTS))
        begun = time.perf_counter()
        commits = await run_until_settled(runtime, _EVENTS)
        rate = _EVENTS / (time.perf_counter() - begun)
        return rate, statistics.mean(commits), kafka_topic(runtime, Ping.type)


async def raw_aiokafka(bootstrap: str, topic: str, size: int) -> float:
    """Events a second of a loop that passes messages on in transactions."""
    name = uuid.uuid4().hex
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=name, enable_auto_commit=False,
        auto_offset_reset="earliest", isolation_level="read_committed", check_crcs=False,
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=name, max_batch_size=512 * 1024,
        max_request_size=4 * 1024 * 1024,
    )  # fmt: skip
    out = f"{topic}.out"
    await consumer.start()
    await producer.start()
    await producer.partitions_for(out)
    begun = time.perf_counter()
    done = 0
    while done < _EVENTS:
        found = await consumer.getmany(timeout_ms=1000, max_records=size)
        if not found:
            continue
        offsets = {}
        async with producer.transaction():
            for place, records in found.items():
                for record in records:
                    await producer.send(
                        out, record.value, key=record.key, headers=list(record.headers)
                    )
                offsets[place] = records[-1].offset + 1
                done += len(records)
            await producer.send_offsets_to_transaction(offsets, name)
    rate = _EVENTS / (time.perf_counter() - begun)
    await consumer.stop()
    await producer.stop()
    return rate


async def _vs_raw(bootstrap: str) -> tuple[float, float]:
    rate, size, topic = await ours(bootstrap)
    return rate, await raw_aiokafka(bootstrap, topic, round(size))


if __name__ == "__main__":
    with broker() as kafka:
        for _ in range(3):
            rate, size, topic = run_in_loop(ours(kafka.bootstrap))
            raw = run_in_loop(raw_aiokafka(kafka.bootstrap, topic, round(size)))
            print(f"ours {rate:.0f} at {size:.0f} a transaction, raw {raw:.0f}: {rate/raw:.2f}", flush=True)
