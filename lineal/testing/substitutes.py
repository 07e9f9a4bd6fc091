"""Workers without processes and models without a store, for stages under test."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import TypeVar

from lineal.model_in_use import ModelInUse
from lineal.stages.trained_models import TrainedModels
from lineal.store.connection import Store
from lineal.workers.costs import Cost
from lineal.workers.fair_queue import ANY_CALLER, Caller

R = TypeVar("R")


class InProcessWorkers:
    """Runs functions of worker processes in the calling process, without limits of time and memory.

    Function, arguments and result go through pickle, so what could not be sent to a worker process
    fails here too.
    """

    async def run(
        self,
        function: Callable[..., R],
        *arguments: object,
        caller: Caller = ANY_CALLER,
        seconds: float | None = None,
        cost: Cost | None = None,
    ) -> R:
        # Pickled on the same line: nobody else could have written it.
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))  # noqa: S301
        result: R = pickle.loads(pickle.dumps(function(*arguments)))  # noqa: S301
        return result


class InMemoryModels(TrainedModels):
    """The models in use that a test names; of other names those of the store."""

    def __init__(self, store: Store, models: Mapping[str, ModelInUse]) -> None:
        super().__init__(store)
        self._models = models

    async def in_use(self, name: str) -> ModelInUse | None:
        return self._models.get(name) or await super().in_use(name)
