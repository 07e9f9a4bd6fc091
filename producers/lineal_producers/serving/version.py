"""``Version``: a version of a model that answers, or is tried, with figures of how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

from lineal_learning.serving_figures import latency_class
from lineal_producers.serving.batching import Answer, Batcher
from lineal_producers.serving.version_process import ModelFailed, VersionProcess
from lineal_schemas.serving import ServingFigures, ServingPackage

if TYPE_CHECKING:
    from pathlib import Path

    from lineal_learning.engines import Array
    from lineal_producers.serving.settings import ServingSettings

_REQUESTS = Counter(
    "lineal_serving_requests", "Requests that a version computed", ["model", "version", "outcome"]
)
_SECONDS = Histogram(
    "lineal_serving_seconds",
    "Time of a batch in the model",
    ["model", "version"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
_ROWS = Histogram(
    "lineal_serving_batch_rows",
    "Rows of a batch",
    ["model", "version"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
_MAX_SCORES = 200
"""Of a report; of a request at most four."""
_BROKEN_ERRORS = 3
"""So many in a row, and a version that is tried gets no request until the rollout says more."""


class Version:
    """Computes requests in batches and counts. Use it as an async context manager."""

    def __init__(
        self, package: ServingPackage, file: Path, golden: Path | None, settings: ServingSettings
    ) -> None:
        self.package = package
        self._process = VersionProcess(package, file, golden, settings)
        tensors = (*package.inputs, *package.outputs)
        self._batcher = Batcher(
            self._process.compute,
            together=all(tensor.shape[:1] == (-1,) for tensor in tensors),
            max_rows=settings.max_batch_rows,
            max_waiting=settings.max_waiting_rows,
            delay=settings.batch_delay_ms / 1000,
        )
        self._labels = (package.model.name, str(package.model.version))
        self._in_row = 0
        self.problem: str | None = None
        """Why it cannot answer anything."""
        self._clear()
        self._stack = AsyncExitStack()
        self._patience = settings.request_seconds
        self._asked = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def _clear(self) -> None:
        self._requests = self._errors = 0
        self._counts: list[int] = []
        self._scores: list[float] = []

    async def __aenter__(self) -> Version:
        self._stack.push_async_callback(self._process.close)
        try:
            await self._process.start()
        except ModelFailed as error:
            self.problem = str(error)
            self._requests = self._errors = self._in_row = _BROKEN_ERRORS
        await self._stack.enter_async_context(self._batcher)
        return self

    async def __aexit__(self, *_: object) -> None:
        """What was asked of it is answered, so far as that takes no longer than one batch may."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), self._patience)
        await self._stack.aclose()

    @property
    def broken(self) -> bool:
        """Whether it failed at its last requests, one after another."""
        return self._in_row >= _BROKEN_ERRORS

    @property
    def waiting_rows(self) -> int:
        return self._batcher.waiting_rows

    async def infer(
        self, inputs: Mapping[str, Array], outputs: Sequence[str], rows: int
    ) -> dict[str, Array]:
        """The answers to the rows of a request, counted.

        Raises:
            ModelFailed: there are none.
            QueueFull: it has too much to do.
            Withdrawn: it has ended.
        """
        # What is watched is computed whether or not it was asked for.
        wanted = list(dict.fromkeys((*outputs, self.package.score)))
        self._asked += 1
        self._idle.clear()
        try:
            answer = await self._batcher.infer(inputs, wanted, rows)
            self._observe(answer)
        except ModelFailed:
            self._requests += 1
            self._errors += 1
            self._in_row += 1
            _REQUESTS.labels(*self._labels, "failed").inc()
            raise
        finally:
            self._asked -= 1
            if not self._asked:
                self._idle.set()
        return answer.outputs

    def _observe(self, answer: Answer) -> None:
        import numpy as np

        scores = answer.outputs[self.package.score]
        if scores.dtype.kind in "fiub":
            if not np.isfinite(scores).all():
                raise ModelFailed("it answered what is no number")
            if len(self._scores) < _MAX_SCORES:
                self._scores += [float(one) for one in scores.ravel()[:4]]
        self._in_row = 0
        self._requests += 1
        place = latency_class(answer.seconds * 1000)
        self._counts += [0] * (place + 1 - len(self._counts))
        self._counts[place] += 1
        _REQUESTS.labels(*self._labels, "done").inc()
        _SECONDS.labels(*self._labels).observe(answer.seconds)
        _ROWS.labels(*self._labels).observe(answer.batch_rows)

    def take_figures(self) -> ServingFigures:
        """What it did since they were taken last."""
        figures = ServingFigures(
            requests=self._requests,
            errors=self._errors,
            latency_counts=tuple(self._counts),
            scores=tuple(self._scores),
            memory_grown_mb=round(self._process.grown_mb, 1),
        )
        self._clear()
        return figures
