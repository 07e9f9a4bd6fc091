"""The services that all stages of a process share: store, objects, workers, state, artifacts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from lineal.bus.marks import Marks
from lineal.dependencies.dependencies import Dependencies
from lineal.observability.spans import SpanExporter
from lineal.registry.protocol import Codec
from lineal.stages.artifacts_in_use import ArtifactsInUse
from lineal.stages.state import StateStore
from lineal.stages.work_shares import WorkShares
from lineal.store.connection import Store
from lineal.store.objects import ObjectStore
from lineal.workers.costs import Cost
from lineal.workers.fair_queue import ANY_CALLER, Caller
from lineal_schemas.envelope import now_us

R = TypeVar("R")


class Workers(Protocol):
    """Where a stage's heavy work is done."""

    async def run(
        self,
        function: Callable[..., R],
        *arguments: object,
        caller: Caller = ANY_CALLER,
        seconds: float | None = None,
        cost: Cost | None = None,
        begun: Callable[[], None] | None = None,
    ) -> R:
        """See :meth:`lineal.workers.pool.WorkerPool.run`."""
        ...

    def allow_reading(self, paths: Iterable[Path]) -> None:
        """See :meth:`lineal.workers.pool.WorkerPool.allow_reading`."""
        ...


async def _applied_with_the_commit() -> None:
    """There is nothing to wait for."""


@dataclass(frozen=True, slots=True)
class Services:
    """The stores and workers behind every step's context."""

    store: Store
    objects: ObjectStore
    workers: Workers
    worker_name: str
    """Host and process, for lineage records."""
    state: StateStore
    artifacts: ArtifactsInUse
    bus_erases: bool = False
    """Whether the bus hands out no event of an erased subject."""
    store_first: bool = False
    """Whether the store is written before the bus: after a crash it may be ahead."""
    marks: Marks | None = None
    """Where others write to the broker as well."""
    broker_types: frozenset[str] = frozenset()
    """Event types, beside those of users' own, that others may write there."""
    shares: WorkShares | None = None
    """Whom work is for; None: for nobody in particular."""
    dependencies: Dependencies = field(default_factory=lambda: Dependencies({}))
    """What stages call."""
    spans: SpanExporter | None = None
    """Where the spans of steps are exported to, if they are."""
    codec: Codec | None = None
    """Reads and writes data by a schema registry, if there is one."""
    flush_ledger: Callable[[], Awaitable[None]] = _applied_with_the_commit
    """Waits until the store has the effects of everything committed so far."""
    now: Callable[[], int] = now_us
    """The clock: microseconds since the Unix epoch."""
