"""The bus on Kafka, against loops written with nothing but a client library.

One broker on this machine, the same 1 KB events for all, four partitions; every measurement works
off a backlog. Brokers and clients share the machine's cores.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.kafka_peers import (
    confluent,
    create_output,
    faststream,
    faststream_batch,
    raw_aiokafka,
)
from benchmarks.measurement import Benchmark, Result, against_peer, alone
from benchmarks.passthrough import (
    Ping,
    Pong,
    ledger_followed,
    new_runner,
    passthrough,
    passthrough_of_batches,
    pings,
    publish_all,
    run,
    run_until_committed,
    slow_passthrough,
    work_until_committed,
)
from benchmarks.processes import cpu_seconds, youngest_descendant
from lineal.bus.protocol import Selection
from lineal.replay import Processes, plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime, open_runtime
from lineal.settings import KafkaSettings, Settings
from lineal.stages import Context, NoConfig, Stage, stage
from lineal_cli.lifetime import run_in_loop
from lineal_local.kafka import Kafka
from lineal_schemas.envelope import now_us

_EVENTS = 40_000
_RUNS = 3
_PARTITIONS = 4


@contextlib.contextmanager
def broker() -> Iterator[Kafka]:
    """A broker as large as the notes' figures are for.

    Without the second of Java's compilers: for the first minutes of a broker's life, which are all
    that a benchmark sees of it, that one takes a third of a core from whoever is measured.

    Without the second look at a transaction's partitions (KIP-890) as well. A broker gives clients
    as old as aiokafka is NOT_ENOUGH_REPLICAS where that look fails for a moment, as it does right
    after the end of the transaction before: the peer that writes in transactions tried again, with
    a pause each time, and on a busy machine did not come to its end.
    """
    with Kafka(
        heap="1g",
        jvm=("-XX:TieredStopAtLevel=1",),
        overrides={"transaction.partition.verification.enable": "false"},
    ) as kafka:
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


async def ours(bootstrap: str, handled: Stage) -> tuple[float, float, str]:
    """Events a second, events a transaction, and the topic they came from."""
    async with new_runtime(bootstrap) as runtime:
        await publish_all(runtime, pings(_EVENTS))
        begun = time.perf_counter()
        commits = await run_until_committed(runtime, _EVENTS, handled)
        rate = _EVENTS / (time.perf_counter() - begun)
        return rate, statistics.mean(commits), kafka_topic(runtime, Ping.type)


def measure_throughput() -> Sequence[Result]:
    """A pass-through stage, typed, exactly once, lineage written, one process; and its peers. A
    function of one event, and one of batches."""
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in _PEERS}
    with broker() as kafka:
        bootstrap = kafka.bootstrap
        for _ in range(_RUNS):
            rate, mean, topic = run_in_loop(ours(bootstrap, passthrough))
            size = round(mean)
            run_in_loop(create_output(bootstrap, topic, _PARTITIONS))
            raw = _in_time(raw_aiokafka(bootstrap, topic, _EVENTS, size))
            each = _in_time(faststream(bootstrap, topic, _FEW))
            batches = _in_time(faststream_batch(bootstrap, topic, _EVENTS))
            batch_rate, _, _ = run_in_loop(ours(bootstrap, passthrough_of_batches))
            compiled = confluent(bootstrap, topic, _EVENTS, size)
            pairs["bus.kafka_vs_raw"].append((rate, raw))
            pairs["bus.kafka_vs_faststream"].append((rate, each))
            pairs["bus.kafka_vs_faststream_batch"].append((rate, batches))
            pairs["bus.kafka_batches_vs_faststream_batch"].append((batch_rate, batches))
            pairs["bus.kafka_vs_confluent"].append((rate, compiled))
    return [
        against_peer(name, "events/s", goal, peer, pairs[name])
        for name, (goal, peer) in _PEERS.items()
    ]


def _in_time(peer: Coroutine[Any, Any, float]) -> float:
    """The rate of a peer, which fails if it does not come to its end."""
    return run_in_loop(asyncio.wait_for(peer, _PEER_SECONDS))


_PEER_SECONDS = 60.0
_FEW = 3_000
_PEERS = {
    "bus.kafka_vs_raw": ("ratio >= 1.0", "a bare aiokafka loop, transactions of the same size"),
    "bus.kafka_vs_faststream": ("ratio >= 12", "FastStream, acknowledging after the work"),
    "bus.kafka_vs_faststream_batch": ("ratio >= 0.6", "FastStream in batches of 500"),
    "bus.kafka_batches_vs_faststream_batch": (
        "ratio >= 0.9", "FastStream in batches of 500; ours with a function of batches too",
    ),
    "bus.kafka_vs_confluent": ("for the record", "a bare loop with the C client"),
}  # fmt: skip


def measure_cpu() -> Sequence[Result]:
    """Microseconds of CPU an event: of the worker, the broker, and the ledger's process. On a
    machine with more cores these run side by side."""
    with broker() as kafka:
        runs = [run_in_loop(_cpu(kafka)) for _ in range(_RUNS)]
    parts = [
        alone(f"bus.kafka_cpu_{name}", "µs", "for the record", [ours[name] for ours, _ in runs])
        for name in ("worker", "broker", "ledger")
    ]
    pairs = [(sum(ours.values()), theirs) for ours, theirs in runs]
    peer = "FastStream in batches of 500: its process and the broker"
    return [against_peer("bus.kafka_cpu_per_event", "µs", "for the record", peer, pairs), *parts]


async def _cpu(kafka: Kafka) -> tuple[dict[str, float], float]:
    """Of ours by process, and of the peer."""
    [broker_pid] = kafka.pids
    async with new_runtime(kafka.bootstrap) as runtime:
        async with ledger_followed(runtime):
            # Begin when everything has been imported and the ledger's process is there.
            await publish_all(runtime, pings(_FEW))
            await work_until_committed(runtime, _FEW)
            await runtime.flush_ledger()
            await publish_all(runtime, pings(_EVENTS))
            others = {"broker": broker_pid, "ledger": youngest_descendant(besides=broker_pid)}
            before = {name: cpu_seconds(pid) for name, pid in others.items()}
            worker = time.process_time()
            await work_until_committed(runtime, _EVENTS)
            worker = time.process_time() - worker
            await runtime.flush_ledger()
            spent = {name: cpu_seconds(pid) - before[name] for name, pid in others.items()}
        topic = kafka_topic(runtime, Ping.type)
        await create_output(kafka.bootstrap, topic, _PARTITIONS)
        await faststream(kafka.bootstrap, topic, _FEW)  # all of it is imported then
        begun = time.process_time() + cpu_seconds(broker_pid)
        await faststream_batch(kafka.bootstrap, topic, _FEW + _EVENTS)
        theirs = time.process_time() + cpu_seconds(broker_pid) - begun
    ours = {"worker": worker, **spent}
    return (
        {name: seconds / _EVENTS * 1e6 for name, seconds in ours.items()},
        theirs / (_FEW + _EVENTS) * 1e6,
    )


def measure_latency() -> Sequence[Result]:
    """Publish to handled, at 1,000 events a second, transactions and all."""
    with broker() as kafka:
        runs = [run_in_loop(_latencies(kafka.bootstrap)) for _ in range(_RUNS)]
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


_REPLAYED_EVENTS = 60_000
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
    Benchmark(tuple(_PEERS), measure_throughput, limit_s=240),
    Benchmark(
        (
            "bus.kafka_cpu_per_event",
            "bus.kafka_cpu_worker",
            "bus.kafka_cpu_broker",
            "bus.kafka_cpu_ledger",
        ),
        measure_cpu,
        limit_s=180,
    ),
    Benchmark(("bus.kafka_latency_p50", "bus.kafka_latency_p99"), measure_latency),
    Benchmark(
        ("bus.replay", "bus.replay_one_process", "bus.replay_memoised"),
        measure_replay,
        limit_s=240,
    ),
)
