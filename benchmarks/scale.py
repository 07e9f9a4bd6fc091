"""Two worker processes against one, and whether the simulation of docs/scale.md says what they do.

One and two processes of the product's own worker handle a backlog on Kafka, with a function that
costs 200 microseconds of CPU. What a step costs the worker, the broker and the ledger is measured
with one process; from these costs the simulation says how many steps a second one and two make on
the cores that others leave. It knows nothing else of the runs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil

from benchmarks.kafka import broker, new_runtime
from benchmarks.measurement import Benchmark, Result, against_peer
from benchmarks.passthrough import Ping, Pong, pings, publish_all
from benchmarks.simulation import Cluster, simulate
from lineal.bus.protocol import PartitionLag
from lineal.runtime import Runtime
from lineal_cli.lifetime import run_in_loop
from lineal_local.kafka import Kafka

_EVENTS = 40_000
_RUNS = 3
_PARTITIONS = 4
_NEARLY_DONE = 500
"""Events of a partition: less than a worker holds in memory of all of its own."""
_SIMULATED_SECONDS = 200.0
"""Many transactions, also where others leave little of the machine."""
_FIRST_SECONDS = 2.0
"""Of taking over, and of importing."""


class Measured(NamedTuple):
    """What happened while all processes had work."""

    rate: float
    """Steps a second."""
    worker_us: float
    """CPU for a step, the function's own included."""
    broker_us: float
    ledger_us: float
    cores: float
    """That these processes had, or left unused: others had the rest."""


class _Sample(NamedTuple):
    at: float
    done: int
    workers: float
    broker: float
    ledger: float
    machine: float
    """CPU seconds of everything."""


async def measured(kafka: Kafka, count: int) -> Measured:
    """So many worker processes on a backlog."""
    async with new_runtime(kafka.bootstrap) as runtime:
        await publish_all(runtime, pings(_EVENTS))
        await runtime.bus.create_topic(Pong.type)
        order = runtime.settings.model_dump_json()
        workers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.kafka_worker", order
            )
            for _ in range(count)
        ]
        processes = [psutil.Process(worker.pid) for worker in workers]
        samples: list[_Sample] = []
        try:
            while True:
                await asyncio.sleep(0.5)
                found = await partitions_of_group(runtime)
                if len({item.owner for item in found} - {None}) < count:
                    continue
                if any(item.lag < _NEARLY_DONE for item in found):
                    break
                done = sum(item.position for item in found)
                samples.append(_sample(done, processes, [psutil.Process(p) for p in kafka.pids]))
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                await worker.wait()
    first = next(item for item in samples if item.at >= samples[0].at + _FIRST_SECONDS)
    return _between(first, samples[-1])


async def partitions_of_group(runtime: Runtime) -> Sequence[PartitionLag]:
    """How far the group that handles pings is in each partition."""
    for info in await runtime.bus.topics():
        if info.topic == Ping.type and info.groups:
            return info.groups[0].partitions
    return ()


def _sample(
    done: int, workers: Sequence[psutil.Process], brokers: Sequence[psutil.Process]
) -> _Sample:
    below = [child for worker in workers for child in worker.children(recursive=True)]
    times = psutil.cpu_times()
    return _Sample(
        time.perf_counter(),
        done,
        _spent(workers),
        _spent(brokers),
        _spent(below),
        times.user + times.system + times.nice,
    )


def _spent(processes: Sequence[psutil.Process]) -> float:
    return sum(item.cpu_times().user + item.cpu_times().system for item in processes)


def _between(first: _Sample, last: _Sample) -> Measured:
    seconds, steps = last.at - first.at, last.done - first.done
    worker = last.workers - first.workers
    broker = last.broker - first.broker
    ledger = last.ledger - first.ledger
    others = last.machine - first.machine - worker - broker - ledger
    return Measured(
        rate=steps / seconds,
        worker_us=worker / steps * 1e6,
        broker_us=broker / steps * 1e6,
        ledger_us=ledger / steps * 1e6,
        cores=len(os.sched_getaffinity(0)) - others / seconds,
    )


def predicted(costs: Measured, cores: float, workers: int) -> float:
    """Steps a second by the simulation."""
    cluster = Cluster(
        workers=workers,
        partitions=_PARTITIONS,
        cores=cores,
        worker_us=costs.worker_us,
        broker_us=costs.broker_us,
        ledger_us=costs.ledger_us,
    )
    return simulate(cluster, _SIMULATED_SECONDS).handled


def measure_workers() -> Sequence[Result]:
    """Two processes against one; and how far the simulation is from each."""
    with broker() as kafka:
        runs = [
            (run_in_loop(measured(kafka, 1)), run_in_loop(measured(kafka, 2))) for _ in range(_RUNS)
        ]
    simulated: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for one, two in runs:
        for workers, real in ((1, one), (2, two)):
            said = predicted(one, real.cores, workers)
            print(f"  {workers}: {real}, simulated {said:,.0f}", file=sys.stderr)
            simulated[workers].append((said, real.rate))
    unit, goal = "steps/s simulated", "ratio 0.8 to 1.2"
    return [
        against_peer(
            "bus.kafka_two_processes",
            "events/s",
            "ratio >= 1.8",
            "one process",
            [(two.rate, one.rate) for one, two in runs],
        ),
        against_peer("scale.agreement_one", unit, goal, "one process of the worker", simulated[1]),
        against_peer("scale.agreement", unit, goal, "two processes of the worker", simulated[2]),
    ]


BENCHMARKS = (
    Benchmark(
        ("bus.kafka_two_processes", "scale.agreement_one", "scale.agreement"),
        measure_workers,
        limit_s=300,
    ),
)
