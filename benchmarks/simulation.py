"""A discrete-event simulation of the bus on Kafka: fetch, handling, commit, and the ledger.

It plays through what ``lineal_cli.capacity`` adds up: where processes wait for each other, for a
partition, or for a core. A **worker** takes a batch of its partitions, spends CPU on it, and has it
committed while it handles the next one; one transaction of a worker is on its way at a time, as in
``lineal/stages/runner.py``. A **broker** spends CPU on each transaction and each step in it. The
**ledger** process of a log copies what was committed, in one thread, behind the others (nice).
Everything that computes shares the cores of its machine; a process has at most one of them, a
broker has several.

``python -m benchmarks.simulation`` prints where it stops scaling.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from lineal_cli.capacity import BROKER_US, LEDGER_US, WORKER_US

BATCH = 450
"""Steps of a transaction, off a backlog with the default prefetch (docs/performance.md)."""
TRANSACTION_US = 4_500.0
"""What a transaction takes on its way, however large it is: 4 to 5 ms (docs/performance.md)."""
_NICE_WEIGHT = 1.25**-5
"""Of the ledger's process, which is nice by 5, beside the others (sched(7): 1.25 for each)."""
_TOO_BUSY = 0.95
_LEDGER_STEPS = 8 * BATCH
"""Written to the ledger at once: what comes in the tenth of a second between two writes, or so."""

Limit = Literal["workers", "partitions", "brokers", "ledgers", "cores", "one key", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What is simulated."""

    workers: int
    partitions: int
    brokers: int = 1
    broker_cores: int = 2
    logs: int = 1
    """Ledgers: worker i writes to log i modulo their number."""
    cores: float = math.inf
    """That everything shares; inf: every process has a core of its own."""
    handler_us: float = 0.0
    worker_us: float = WORKER_US
    broker_us: float = BROKER_US
    ledger_us: float = LEDGER_US["sqlite"]
    rate: float = math.inf
    """Events a second that come in, evenly over the partitions; inf: there is a backlog."""
    hot_share: float = 0.0
    """Share of the events that are of one key, and so of one partition."""


class Outcome(NamedTuple):
    """What came of it, in the second half of the time."""

    handled: float
    """Steps a second that were committed."""
    recorded: float
    """Steps a second that the ledgers have written."""
    busy: dict[str, float]
    """Share of their time that workers, brokers and ledgers computed."""
    limit: Limit

    @property
    def sustained(self) -> float:
        """Steps a second that may come for ever: what is handled faster than it is recorded
        becomes a backlog of the ledger."""
        return min(self.handled, self.recorded)


@dataclass(slots=True)
class _Job:
    left: float
    """Microseconds of CPU."""
    weight: float
    done: Callable[[], None]
    speed: float = 0.0


@dataclass(slots=True)
class _Cores:
    """Processor sharing: jobs share the cores by weight, each has at most one."""

    count: float
    jobs: list[_Job] = field(default_factory=list)
    at: float = 0.0

    def advance(self, now: float) -> None:
        passed = now - self.at
        for job in self.jobs:
            job.left -= passed * job.speed
        self.at = now

    def share(self) -> None:
        left, sharing = self.count, self.jobs
        while sharing:
            # Nobody can use more than one core; what that leaves is for the others.
            weights = sum(job.weight for job in sharing)
            full = [job for job in sharing if left * job.weight >= weights]
            if not full:
                for job in sharing:
                    job.speed = left * job.weight / weights
                return
            for job in full:
                job.speed = 1.0
            left -= len(full)
            sharing = [job for job in sharing if job not in full]

    def next_done(self) -> float:
        return min(
            (self.at + max(job.left, 0.0) / job.speed for job in self.jobs), default=math.inf
        )


class Simulation:
    """One run.

    Args:
        seconds: simulated time; what happens in its first half is not counted.
    """

    def __init__(self, cluster: Cluster, seconds: float = 4.0) -> None:
        self._cluster = cluster
        self._end = seconds * 1e6
        self._now = 0.0
        self._cores = _Cores(cluster.cores)
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._handled = self._recorded = 0
        self._spent = {"workers": 0.0, "brokers": 0.0, "ledgers": 0.0}
        self._ledgers = [_Ledger(self) for _ in range(cluster.logs)]
        self._brokers = [_Broker(self) for _ in range(cluster.brokers)]
        # Partitions are spread over workers evenly; workers beyond their number have none.
        shares = [0.0] * cluster.workers
        for partition in range(cluster.partitions):
            hot = cluster.hot_share if partition == 0 else 0.0
            even = (1 - cluster.hot_share) / cluster.partitions
            shares[partition % cluster.workers] += even + hot
        self._idle = sum(share == 0 for share in shares)
        self._workers = [_Worker(self, n, share) for n, share in enumerate(shares) if share]

    def run(self) -> Outcome:
        """Let the time pass."""
        for worker in self._workers:
            worker.look()
        while True:
            self._cores.share()
            called = self._calls[0][0] if self._calls else math.inf
            self._now = min(called, self._cores.next_done(), self._end)
            self._cores.advance(self._now)
            if self._now >= self._end:
                return self._outcome()
            finished = [job for job in self._cores.jobs if job.left <= 1e-6]
            self._cores.jobs = [job for job in self._cores.jobs if job.left > 1e-6]
            for job in finished:
                job.done()
            while self._calls and self._calls[0][0] <= self._now:
                heapq.heappop(self._calls)[2]()

    def compute(
        self,
        who: str,
        us: float,
        done: Callable[[], None],
        *,
        weight: float = 1.0,
    ) -> None:
        """Spend CPU, then call."""
        if self._counted:
            self._spent[who] += us
        if self._cores.count == math.inf:
            self.later(us, done)  # nobody is in the way
        else:
            self._cores.jobs.append(_Job(us, weight, done))

    def later(self, us: float, call: Callable[[], None]) -> None:
        """Call after a time."""
        heapq.heappush(self._calls, (self._now + us, next(self._numbers), call))

    @property
    def now(self) -> float:
        return self._now

    @property
    def cluster(self) -> Cluster:
        return self._cluster

    def commit(self, worker: int, steps: int, done: Callable[[], None]) -> None:
        """A transaction: on its way, on its broker, and then a log's to copy."""

        def committed() -> None:
            if self._counted:
                self._handled += steps
            self._ledgers[worker % len(self._ledgers)].add(steps)
            done()

        broker = self._brokers[worker % len(self._brokers)]
        self.later(TRANSACTION_US, lambda: broker.add(steps, committed))

    def recorded(self, steps: int) -> None:
        """So many are in the ledger."""
        if self._counted:
            self._recorded += steps

    @property
    def _counted(self) -> bool:
        return self._now >= self._end / 2

    def _outcome(self) -> Outcome:
        cluster, half = self._cluster, self._end / 2
        busy = {
            "workers": self._spent["workers"] / half / cluster.workers,
            "brokers": self._spent["brokers"] / half / cluster.brokers / cluster.broker_cores,
            "ledgers": self._spent["ledgers"] / half / cluster.logs,
        }
        handled, recorded = self._handled / half * 1e6, self._recorded / half * 1e6
        return Outcome(handled, recorded, busy, self._limit(busy, handled, recorded))

    def _limit(self, busy: dict[str, float], handled: float, recorded: float) -> Limit:
        if sum(self._spent.values()) / (self._end / 2) >= _TOO_BUSY * self._cluster.cores:
            return "cores"
        if recorded < _TOO_BUSY * handled:
            return "ledgers"
        if busy["brokers"] >= _TOO_BUSY:
            return "brokers"
        if handled >= _TOO_BUSY * self._cluster.rate:
            return "nothing"
        if self._cluster.hot_share:
            return "one key"
        return "partitions" if self._idle else "workers"


class _Worker:
    """Handles one batch while the last one is committed."""

    def __init__(self, simulation: Simulation, number: int, share: float) -> None:
        self._simulation = simulation
        self._number = number
        self._rate = simulation.cluster.rate * share / 1e6
        self._taken = 0.0
        self._ready = 0
        self._committing = self._handling = False

    def look(self) -> None:
        """Take a batch, if there is one and the last is out of the way."""
        simulation, cluster = self._simulation, self._simulation.cluster
        if self._handling or self._ready:
            return
        waiting = BATCH if self._rate == math.inf else self._rate * simulation.now - self._taken
        if waiting < 1:
            simulation.later(max(1.0, (1 - waiting) / self._rate), self.look)
            return
        steps = min(BATCH, int(waiting))
        self._taken += steps
        self._handling = True

        def handled() -> None:
            self._handling = False
            self._ready = steps
            self._commit()

        simulation.compute("workers", steps * (cluster.worker_us + cluster.handler_us), handled)

    def _commit(self) -> None:
        if self._committing or not self._ready:
            return
        steps, self._ready, self._committing = self._ready, 0, True

        def done() -> None:
            self._committing = False
            self._commit()
            self.look()

        self._simulation.commit(self._number, steps, done)
        self.look()


class _Broker:
    """Computes on as many of its cores as it has transactions."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._free = simulation.cluster.broker_cores
        self._queue: list[tuple[int, Callable[[], None]]] = []

    def add(self, steps: int, done: Callable[[], None]) -> None:
        self._queue.append((steps, done))
        self._next()

    def _next(self) -> None:
        while self._free and self._queue:
            steps, done = self._queue.pop(0)
            self._free -= 1

            def finished(done: Callable[[], None] = done) -> None:
                self._free += 1
                done()
                self._next()

            self._simulation.compute(
                "brokers", steps * self._simulation.cluster.broker_us, finished
            )


class _Ledger:
    """Copies what was committed, all that has come since it last began."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._waiting = 0
        self._busy = False

    def add(self, steps: int) -> None:
        self._waiting += steps
        self._next()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        steps = min(self._waiting, _LEDGER_STEPS)
        self._waiting -= steps
        self._busy = True

        def written() -> None:
            self._busy = False
            self._simulation.recorded(steps)
            self._next()

        us = steps * self._simulation.cluster.ledger_us
        self._simulation.compute("ledgers", us, written, weight=_NICE_WEIGHT)


def simulate(cluster: Cluster, seconds: float = 4.0) -> Outcome:
    """Run it once."""
    return Simulation(cluster, seconds).run()


GROWTH = (
    Cluster(workers=1, partitions=8, brokers=3),
    Cluster(workers=2, partitions=8, brokers=3),
    Cluster(workers=4, partitions=8, brokers=3),
    Cluster(workers=8, partitions=8, brokers=3),
    Cluster(workers=16, partitions=8, brokers=3, logs=4),
    Cluster(workers=16, partitions=32, brokers=3, logs=4),
    Cluster(workers=32, partitions=64, brokers=3, logs=8),
    Cluster(workers=32, partitions=64, brokers=8, logs=8),
    Cluster(workers=128, partitions=256, brokers=32, logs=32),
    Cluster(workers=16, partitions=32, brokers=3, logs=4, rate=100_000, hot_share=0.3),
)
"""What docs/scale.md shows: one thing is added at a time, until another one is in the way."""


def table() -> list[str]:
    """The lines of the table in docs/scale.md."""
    lines = [
        "| workers | partitions | brokers | logs | steps/s handled | recorded | stops at |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in GROWTH:
        found = simulate(item)
        hot = f", {item.hot_share:.0%} of one key" if item.hot_share else ""
        lines.append(
            f"| {item.workers}{hot} | {item.partitions} | {item.brokers} | {item.logs} "
            f"| {found.handled:,.0f} | {found.recorded:,.0f} | {found.limit} |"
        )
    return lines


if __name__ == "__main__":
    print("\n".join(table()))
