"""Workers without processes and artifacts without a store, for stages under test."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from lineal.artifact_in_use import ArtifactInUse
from lineal.stages.artifacts_in_use import ArtifactsInUse
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
        begun: Callable[[], None] | None = None,
    ) -> R:
        # Pickled on the same line: nobody else could have written it.
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))  # noqa: S301
        result: R = pickle.loads(pickle.dumps(function(*arguments)))  # noqa: S301
        return result

    def allow_reading(self, paths: Iterable[Path]) -> None:
        """They may read what the calling process may."""


class InMemoryArtifacts(ArtifactsInUse):
    """The artifacts in use that a test names; of other names those of the store."""

    def __init__(self, store: Store, named: Mapping[str, ArtifactInUse]) -> None:
        super().__init__(store)
        self._named = named

    async def in_use(self, name: str) -> ArtifactInUse | None:
        return self._named.get(name) or await super().in_use(name)
