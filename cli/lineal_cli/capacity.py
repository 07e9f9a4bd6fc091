"""What a rate of events takes: partitions, workers, brokers, logs and bytes, from measured costs.

Each figure is named by the benchmark it comes from (the table of the README) or is said to be
assumed. ``lineal size`` prints a plan, and ``benchmarks/simulation.py`` plays the same costs
through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lineal.store.objects import SMALL_BYTES
from lineal_cli.printing import count_of

BusKind = Literal["kafka", "embedded"]
StoreKind = Literal["sqlite", "postgres"]

WORKER_US = 70.5
"""CPU of the worker for a step on Kafka without the handler's own: ``bus.kafka_cpu_worker``."""
BROKER_US = 20.7
"""CPU of one broker, without replicas, for a step: ``bus.kafka_cpu_broker``."""
LEDGER_US: dict[StoreKind, float] = {"sqlite": 16.0, "postgres": 65.0}
"""Of the process that copies records into the ledger, for a step: ``bus.kafka_cpu_ledger``; on
Postgres the 650 s of the ten million steps in docs/performance.md, time on the clock."""
EMBEDDED_LOOP_US, EMBEDDED_WRITER_US = 36.0, 21.0
"""CPU for a step of the embedded bus, in the loop and in the thread that writes
(docs/performance.md). One process does it all."""
LEDGER_BYTES = 220
"""Of a step in the ledger, its records and their index: ``lineage.bytes_per_step``, which counts
215 of the first 20,000 steps, and 220 of 100,000 and of 500,000."""
WRITTEN_TIMES = 3
"""What a step writes to the broker, in sizes of its event: the event, its record and its memo
(docs/performance.md)."""
REFERENCE_BYTES = 700
"""Of an event whose data went to the object store, with its envelope."""
REPLICAS = 3
"""Of each partition: what a broker's loss takes. Assumed."""
REPLICA_SHARE = 0.5
"""What a replica costs of what the leader does, which also reads and checks. Assumed."""
UTILISATION = 0.6
"""Share of a core that is planned with: at 0.6 something waits for three quarters of what its
handling takes (M/D/1), at 0.9 for four and a half times as long."""
CORES_PER_BROKER = 8
BYTES_PER_BROKER = 100_000_000
"""A second, written. Assumed: a tenth of what an SSD takes, in a network of 10 Gbit/s."""
MIN_PARTITIONS, MAX_PARTITIONS = 8, 1024
"""The default of new topics, and the most that ``lineal topics create`` makes."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be carried."""

    rate: float
    """Events a second that come in."""
    bytes: int
    """Of an event with its envelope."""
    stages: int = 1
    """Each handles every event and sends one on."""
    handler_us: float = 0.0
    """CPU that a stage's own function takes for an event."""
    bus: BusKind = "kafka"
    store: StoreKind = "sqlite"

    @property
    def steps(self) -> float:
        """A second."""
        return self.rate * self.stages

    @property
    def topic_bytes(self) -> int:
        """Of an event on its topic."""
        return REFERENCE_BYTES if self._is_object else self.bytes

    @property
    def object_bytes_per_day(self) -> int:
        """Data that is too large for a topic: of each event that comes in and of what each stage
        makes of it."""
        made = self.rate + self.steps
        return round(made * self.bytes * _DAY_SECONDS) if self._is_object else 0

    @property
    def _is_object(self) -> bool:
        return self.bytes > SMALL_BYTES


class Plan(NamedTuple):
    """What a load takes. Processes and brokers are busy to :data:`UTILISATION`."""

    fits: bool
    """Whether this bus carries the load."""
    steps: float
    """A second."""
    workers: int
    """Processes in all."""
    workers_per_stage: int
    partitions: int
    """Of each topic: twice the workers of a stage, as the number is fixed once they are made."""
    brokers: int
    logs: int
    """Ledgers, each with a prefix of topics, a store and a process that writes it."""
    cores: int
    """Kept busy, of workers, brokers and ledgers together."""
    broker_bytes_per_day: int
    """On all brokers' disks, for each day that topics are kept."""
    store_bytes_per_day: int
    """In the ledgers, which are kept."""
    object_bytes_per_day: int
    """In the object store: data that is too large for a topic."""
    notes: tuple[str, ...]
    """What sets the numbers, and what does not fit."""


def plan(load: Load) -> Plan:
    """What a load takes."""
    return _embedded(load) if load.bus == "embedded" else _kafka(load)


def processes(us: float) -> int:
    """How many processes carry so many microseconds of CPU a second."""
    return max(1, math.ceil(us / 1e6 / UTILISATION))


def _kafka(load: Load) -> Plan:
    each = processes(load.rate * (WORKER_US + load.handler_us))
    logs = processes(load.steps * LEDGER_US[load.store])
    # Each log has topics of its own, which share what comes in.
    partitions = max(MIN_PARTITIONS, 2 * math.ceil(each / logs))
    written = (load.rate + load.steps * WRITTEN_TIMES) * load.topic_bytes
    broker_us = load.steps * BROKER_US * (1 + (REPLICAS - 1) * REPLICA_SHARE)
    by_cores = math.ceil(broker_us / 1e6 / UTILISATION / CORES_PER_BROKER)
    by_bytes = math.ceil(written * REPLICAS / BYTES_PER_BROKER)
    brokers = max(REPLICAS, by_cores, by_bytes)
    notes = [_broker_note(brokers, by_cores, by_bytes)]
    if logs > 1:
        notes.append(
            f"one ledger carries {UTILISATION * 1e6 / LEDGER_US[load.store]:,.0f} steps a second "
            f"({load.store}); {logs} logs, each of a share of the keys: a kafka.prefix and a store "
            "of its own"
        )
    if fits := partitions <= MAX_PARTITIONS:
        notes.append(f"more than {partitions} workers of a stage in a log would have no partition")
    else:
        notes.append(f"a topic has at most {MAX_PARTITIONS} partitions: share the keys among more")
    busy = load.steps * (WORKER_US + load.handler_us + LEDGER_US[load.store]) + broker_us
    return Plan(
        fits,
        load.steps,
        each * load.stages,
        each,
        partitions,
        brokers,
        logs,
        math.ceil(busy / 1e6),
        round(written * REPLICAS * _DAY_SECONDS),
        round(load.steps * LEDGER_BYTES * _DAY_SECONDS),
        load.object_bytes_per_day,
        tuple(notes),
    )


def _broker_note(brokers: int, by_cores: int, by_bytes: int) -> str:
    if brokers == by_bytes > REPLICAS:
        return f"brokers: by the bytes they write, {BYTES_PER_BROKER:,} a second each"
    if brokers == by_cores > REPLICAS:
        return f"brokers: by their CPU, {CORES_PER_BROKER} cores each"
    return f"brokers: {REPLICAS}, so that one may be lost"


def _embedded(load: Load) -> Plan:
    loop = load.steps * (EMBEDDED_LOOP_US + load.handler_us)
    most = UTILISATION * 1e6 / (EMBEDDED_LOOP_US + load.handler_us) / load.stages
    fits = load.rate <= most
    through = f"{most:,.0f} events a second through {count_of(load.stages, 'stage')}"
    note = (
        f"one process carries {through}"
        if fits
        else f"one process carries {through}, and the embedded bus has one: take --bus kafka"
    )
    return Plan(
        fits,
        load.steps,
        1,
        1,
        1,
        0,
        1,
        math.ceil((loop + load.steps * EMBEDDED_WRITER_US) / 1e6),
        round((load.rate + load.steps) * load.topic_bytes * _DAY_SECONDS),
        round(load.steps * LEDGER_BYTES * _DAY_SECONDS),
        load.object_bytes_per_day,
        (note,),
    )
