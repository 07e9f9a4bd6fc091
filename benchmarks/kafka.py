"""The bus on Kafka, against loops written with nothing but a client library.

One broker on this machine, the same 1 KB events for all, four partitions; every measurement works
off a backlog. Brokers and clients share the machine's cores.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.measurement import Benchmark, Result, against_peer, alone
from benchmarks.passthrough import (
    Ping,
    Pong,
    new_runner,
    passthrough,
    pings,
    publish_all,
    run,
    run_until_committed,
    slow_passthrough,
)
from lineal.bus.protocol import PartitionLag, Selection
from lineal.replay import Processes, plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime, open_runtime
from lineal.settings import KafkaSettings, Settings
from lineal.stages import Context, NoConfig, Stage, stage
from lineal_cli.lifetime import run_in_loop
from lineal_local.kafka import Kafka
from lineal_schemas.envelope import now_us

_EVENTS = 40_000
_RUNS = 5
_PARTITIONS = 4


@contextlib.contextmanager
def broker() -> Iterator[Kafka]:
    """A broker as large as the notes' figures are for.

    Without the second of Java's compilers: for the first minutes of a broker's life, which are all
    that a benchmark sees of it, that one takes a third of a core from whoever is measured.
    """
    with Kafka(heap="1g", jvm=("-XX:TieredStopAtLevel=1",)) as kafka:
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
        commits = await run_until_committed(runtime, _EVENTS)
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


async def faststream(bootstrap: str, topic: str, count: int) -> float:
    """Events a second of FastStream, acknowledging after the work, message by message."""
    from faststream import AckPolicy
    from faststream.kafka import KafkaBroker, KafkaMessage

    app = KafkaBroker(bootstrap, enable_idempotence=True, logger=None)
    finished = asyncio.Event()
    handled = 0
    begun = 0.0

    @app.subscriber(
        topic, group_id=uuid.uuid4().hex, auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )  # fmt: skip
    async def pass_on(body: Ping, message: KafkaMessage) -> None:
        nonlocal handled, begun
        begun = begun or time.perf_counter()
        raw: Any = message.raw_message
        await app.publish(body, f"{topic}.out", key=raw.key)
        handled += 1
        if handled == count:
            finished.set()

    await app.start()
    await finished.wait()
    rate = count / (time.perf_counter() - begun)
    await app.stop()
    return rate


async def faststream_batch(bootstrap: str, topic: str) -> float:
    """Events a second of FastStream in batches of 500: no lineage, at least once."""
    from faststream import AckPolicy
    from faststream.kafka import KafkaBroker

    app = KafkaBroker(
        bootstrap, enable_idempotence=True, max_batch_size=1 << 20, max_request_size=1 << 22,
        logger=None,
    )  # fmt: skip
    finished = asyncio.Event()
    handled = 0
    begun = 0.0

    @app.subscriber(
        topic, group_id=uuid.uuid4().hex, auto_offset_reset="earliest", batch=True,
        max_records=500, ack_policy=AckPolicy.NACK_ON_ERROR,
    )  # fmt: skip
    async def pass_on(bodies: list[Ping]) -> None:
        nonlocal handled, begun
        begun = begun or time.perf_counter()
        await app.publish_batch(*bodies, topic=f"{topic}.out")
        handled += len(bodies)
        if handled >= _EVENTS:
            finished.set()

    await app.start()
    await finished.wait()
    rate = _EVENTS / (time.perf_counter() - begun)
    await app.stop()
    return rate


def confluent(bootstrap: str, topic: str, size: int) -> float:
    """Events a second of a loop with the C client, in transactions of the same size."""
    from confluent_kafka import Consumer, Producer, TopicPartition

    name = uuid.uuid4().hex
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap, "group.id": name, "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "isolation.level": "read_committed",
        }
    )  # fmt: skip
    producer = Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": name, "batch.size": 512 * 1024}
    )
    producer.init_transactions()
    consumer.subscribe([topic])
    done, begun = 0, 0.0
    while done < _EVENTS:
        messages = consumer.consume(size, timeout=1.0)
        if not messages:
            continue
        begun = begun or time.perf_counter()
        producer.begin_transaction()
        offsets: dict[int, int] = {}
        for message in messages:
            producer.produce(
                f"{topic}.out", message.value(), message.key(), headers=message.headers()
            )
            offsets[message.partition() or 0] = (message.offset() or 0) + 1
        producer.send_offsets_to_transaction(
            [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()],
            consumer.consumer_group_metadata(),
        )
        producer.commit_transaction()
        done += len(messages)
    rate = _EVENTS / (time.perf_counter() - begun)
    consumer.close()
    return rate


def measure_throughput() -> Sequence[Result]:
    """A pass-through stage, typed, exactly once, lineage written, one process; and its peers."""
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in _PEERS}
    with broker() as kafka:
        for _ in range(_RUNS):
            rate, mean, topic = run_in_loop(ours(kafka.bootstrap))
            size = round(mean)
            peers = {
                "bus.kafka_vs_raw": run_in_loop(raw_aiokafka(kafka.bootstrap, topic, size)),
                "bus.kafka_vs_faststream": run_in_loop(faststream(kafka.bootstrap, topic, _FEW)),
                "bus.kafka_vs_faststream_batch": run_in_loop(
                    faststream_batch(kafka.bootstrap, topic)
                ),
                "bus.kafka_vs_confluent": confluent(kafka.bootstrap, topic, size),
            }
            for name, theirs in peers.items():
                pairs[name].append((rate, theirs))
    return [
        against_peer(name, "events/s", goal, peer, pairs[name])
        for name, (goal, peer) in _PEERS.items()
    ]


_FEW = 3_000
_PEERS = {
    "bus.kafka_vs_raw": ("ratio >= 0.5", "a bare aiokafka loop, transactions of the same size"),
    "bus.kafka_vs_faststream": ("ratio >= 12", "FastStream, acknowledging after the work"),
    "bus.kafka_vs_faststream_batch": ("ratio >= 0.6", "FastStream in batches of 500"),
    "bus.kafka_vs_confluent": ("for the record", "a bare loop with the C client"),
}


def measure_two_processes() -> Sequence[Result]:
    """Two processes against one, with a handler that costs 200 microseconds of CPU."""
    pairs = []
    with broker() as kafka:
        for _ in range(_FEW_RUNS):
            two, one = (run_in_loop(_with_processes(kafka.bootstrap, n)) for n in (2, 1))
            pairs.append((two, one))
    return [
        against_peer("bus.kafka_two_processes", "events/s", "ratio >= 1.8", "one process", pairs)
    ]


_FEW_RUNS = 5
_COSTLY_EVENTS = 40_000


async def _with_processes(bootstrap: str, count: int) -> float:
    """Events a second while all of the processes have work: from when the last has taken its
    partitions over until the first has no more to do."""
    async with new_runtime(bootstrap) as runtime:
        await publish_all(runtime, pings(_COSTLY_EVENTS))
        await runtime.bus.create_topic(Pong.type)
        order = runtime.settings.model_dump_json()
        workers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.kafka_worker", order
            )
            for _ in range(count)
        ]
        marks: list[tuple[float, int]] = []
        try:
            while True:
                await asyncio.sleep(0.5)
                partitions = await _partitions_of_group(runtime)
                if len({partition.owner for partition in partitions} - {None}) < count:
                    continue
                if any(partition.lag < _NEARLY_DONE for partition in partitions):
                    break
                done = sum(partition.position for partition in partitions)
                marks.append((time.perf_counter(), done))
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                await worker.wait()
        # The first second is that of taking over.
        first, last = marks[2], marks[-1]
        return (last[1] - first[1]) / (last[0] - first[0])


_NEARLY_DONE = 500
"""Events of a partition: less than a worker holds in memory of all of its own."""


async def _partitions_of_group(runtime: Runtime) -> Sequence[PartitionLag]:
    for info in await runtime.bus.topics():
        if info.topic == Ping.type and info.groups:
            return info.groups[0].partitions
    return ()


def measure_latency() -> Sequence[Result]:
    """Publish to handled, at 1,000 events a second, transactions and all."""
    with broker() as kafka:
        runs = [run_in_loop(_latencies(kafka.bootstrap)) for _ in range(_FEW_RUNS)]
    return [
        alone("bus.kafka_latency_p50", "ms", "< 20", [statistics.median(run) for run in runs]),
        alone(
            "bus.kafka_latency_p99",
            "ms",
            "< 100",
            [sorted(run)[len(run) * 99 // 100] for run in runs],
        ),
    ]


async def _latencies(bootstrap: str) -> list[float]:
    seconds, portion = 10, 10
    waited: list[float] = []
    all_handled = asyncio.Event()
    count = seconds * 1000

    @stage("benchmark", version="1", produces=Pong, memo=False)
    async def note(ping: Ping, ctx: Context[NoConfig]) -> Pong:
        waited.append((now_us() - ctx.event.time) / 1000)
        if len(waited) == count:
            all_handled.set()
        return Pong(key=ping.key, text=ping.text)

    async with new_runtime(bootstrap) as runtime:
        await runtime.bus.create_topic(Ping.type)
        await runtime.bus.create_topic(Pong.type)
        runner = new_runner(runtime, note)
        running = asyncio.create_task(run(runtime, runner))
        events = pings(count)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        publishing = []
        for number in range(0, len(events), portion):
            await asyncio.sleep(begun + number / 1000 - loop.time())
            batch = [(t, e._replace(time=now_us())) for t, e in events[number : number + portion]]
            publishing.append(asyncio.create_task(runtime.bus.publish(batch)))
        await asyncio.gather(*publishing)
        await all_handled.wait()
        runner.stop()
        await running
    # The first second is that of connecting.
    return waited[1000:]


def measure_replay() -> Sequence[Result]:
    """Handling a topic again, as ``lineal replay`` does, against handling it the first time."""
    cores = os.cpu_count() or 1
    with broker() as kafka:
        runs = [
            run_in_loop(_replayed(kafka.bootstrap, passthrough, _REPLAYED_EVENTS, (cores, 1)))
            for _ in range(_RUNS)
        ]
        slow = [
            run_in_loop(_replayed(kafka.bootstrap, slow_passthrough, _SLOW_EVENTS, (cores,)))
            for _ in range(_RUNS)
        ]
    shared = [(replayed[0], live) for replayed, live in runs]
    by_one = [(replayed[1], live) for replayed, live in runs]
    remembered = [(replayed[0], live) for replayed, live in slow]
    first = "the first time, by one process"
    return [
        against_peer("bus.replay", "events/s", "ratio >= 3", first, shared),
        against_peer("bus.replay_one_process", "events/s", "for the record", first, by_one),
        against_peer(
            "bus.replay_memoised", "events/s", "ratio >= 30", f"{first}, 20 ms each", remembered
        ),
    ]


_REPLAYED_EVENTS = 100_000
_SLOW_EVENTS = 4_000


async def _replayed(
    bootstrap: str, handled: Stage, count: int, processes: Sequence[int]
) -> tuple[list[float], float]:
    """Events a second of a replay by so many processes each, and of the first time."""
    async with new_runtime(bootstrap) as runtime:
        await publish_all(runtime, pings(count))
        begun = time.perf_counter()
        await run_until_committed(runtime, count, handled)
        live = count / (time.perf_counter() - begun)
        await runtime.flush_ledger()
        rates = []
        for number in processes:
            async with Processes(number) as those:
                plan = await plan_replay(runtime, handled, Selection(), processes=those)
                begun = time.perf_counter()
                await run_replay(runtime, plan, NoWorkers(), lambda _: None, processes=those)
                rates.append(count / (time.perf_counter() - begun))
        return rates, live


BENCHMARKS = (
    Benchmark(tuple(_PEERS), measure_throughput),
    Benchmark(("bus.kafka_two_processes",), measure_two_processes),
    Benchmark(("bus.kafka_latency_p50", "bus.kafka_latency_p99"), measure_latency),
    Benchmark(("bus.replay", "bus.replay_one_process", "bus.replay_memoised"), measure_replay),
)
