"""``VersionProcess``: one version of a model in a sandboxed process of its own, with limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from lineal.errors import LinealError
from lineal.workers.pool import WorkerPool
from lineal_learning.serving_process import Computed, compute
from lineal_learning.trial import Trial, try_model
from lineal_schemas.serving import ServingPackage

if TYPE_CHECKING:
    from lineal_learning.engines import Array
    from lineal_producers.serving.settings import ServingSettings

log = structlog.get_logger(__name__)

_START_SECONDS = 60.0
_RUNS = 1
_MAX_DEVIATION = 1e-3


class ModelFailed(LinealError, RuntimeError):
    """A model did not answer: it crashed, took too long, or answered what is no number."""


class VersionProcess:
    """Computes in a child process that may be killed at any time, and is started again.

    Args:
        package: what is computed with.
        file: of the model.
        golden: its golden samples, which it answers before anything else; None: they were erased.
    """

    def __init__(
        self, package: ServingPackage, file: Path, golden: Path | None, settings: ServingSettings
    ) -> None:
        self.package = package
        self._file, self._golden, self._settings = file, golden, settings
        self._pool = self._new_pool()
        self._warm_mb: float | None = None
        self.grown_mb = 0.0
        """By how much it has grown since it was warm; the largest so far."""

    def _new_pool(self) -> WorkerPool:
        return WorkerPool(
            1,
            memory_bytes=self._settings.memory_mb * 1024 * 1024,
            seconds=self._settings.request_seconds,
            sandbox=True,
            trees=(self._file,) if self._golden is None else (self._file, self._golden),
        )

    async def start(self) -> None:
        """Load the model, and have it answer its golden samples.

        Raises:
            ModelFailed: it cannot, or answers something else.
        """
        self._pool.start()
        if self._golden is None:
            log.warning(
                "serving.golden_erased", model=self.package.model.name,
                version=self.package.model.version,
            )  # fmt: skip
            return
        try:
            trial: Trial = await self._pool.run(
                try_model, self._file, self.package.artifact.media_type, self._golden, _RUNS,
                seconds=_START_SECONDS,
            )  # fmt: skip
        except Exception as error:  # a library of a model may raise anything
            raise ModelFailed(f"it cannot be loaded: {error}") from error
        if trial.problem or trial.deviation > _MAX_DEVIATION:
            raise ModelFailed(trial.problem or "it does not answer what was recorded of it")

    async def compute(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Computed:
        """The answers to some rows.

        Raises:
            ModelFailed: there are none.
        """
        media_type = self.package.artifact.media_type
        try:
            found = await self._pool.run(
                compute, str(self._file), media_type, dict(inputs), list(outputs)
            )
        except Exception as error:  # a library of a model may raise anything
            self._warm_mb = None
            raise ModelFailed(f"{type(error).__name__}: {error}"[:300]) from error
        if self._warm_mb is None:
            self._warm_mb = found.memory_mb
        grown = found.memory_mb - self._warm_mb
        self.grown_mb = max(self.grown_mb, grown)
        if grown > self._settings.max_grown_mb:
            await self._replace(grown)
        return found

    async def _replace(self, grown: float) -> None:
        log.warning(
            "serving.process_replaced", model=self.package.model.name,
            version=self.package.model.version, grown_mb=round(grown),
        )  # fmt: skip
        old, self._pool, self._warm_mb = self._pool, self._new_pool(), None
        self._pool.start()
        await old.close()

    async def close(self) -> None:
        """End the process."""
        await self._pool.close()
