"""What stands in for the parts of a daemon that a test does without."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import TypeVar

from lineal.model_in_use import ModelInUse
from lineal.stages.trained_models import TrainedModels
from lineal.store.connection import Store
from lineal.workers.fair_queue import ANYBODY, Caller

R = TypeVar("R")


class InProcessWorkers:
    """Runs what would run in a worker process here, without limits of time and memory.

    Function, arguments and result go through pickle, so what a worker process could not be sent
    fails here too.
    """

    async def run(
        self,
        function: Callable[..., R],
        *arguments: object,
        caller: Caller = ANYBODY,
        seconds: float | None = None,
    ) -> R:
        # Made by ourselves a moment before.
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))  # noqa: S301
        result: R = pickle.loads(pickle.dumps(function(*arguments)))  # noqa: S301
        return result


class GivenModels(TrainedModels):
    """The models in use that a test names; of other names those of the store."""

    def __init__(self, store: Store, given: Mapping[str, ModelInUse]) -> None:
        super().__init__(store)
        self._given = given

    async def in_use(self, name: str) -> ModelInUse | None:
        return self._given.get(name) or await super().in_use(name)
