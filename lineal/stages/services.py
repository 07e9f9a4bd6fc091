"""The services that all stages of a process share: store, objects, workers, state, models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lineal.bus.marks import Marks
from lineal.stages.state import StateStore
from lineal.stages.trained_models import TrainedModels
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
    ) -> R: ...


@dataclass(frozen=True, slots=True)
class Services:
    """The stores and workers behind every step's context."""

    store: Store
    objects: ObjectStore
    workers: Workers
    worker_name: str
    """Host and process, for lineage records."""
    state: StateStore
    trained: TrainedModels
    marks: Marks | None = None
    """Where others write to the broker as well."""
    broker_types: frozenset[str] = frozenset()
    """Event types, beside those of users' own, that others may write there."""
    now: Callable[[], int] = now_us
    """The clock: microseconds since the Unix epoch."""
