"""Dynamic batches: requests that wait while a model is busy are computed together next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lineal.errors import LinealError

if TYPE_CHECKING:
    from lineal_learning.engines import Array
    from lineal_learning.serving_process import Computed


class QueueFull(LinealError):
    """More rows wait than there is room for."""


class Withdrawn(LinealError):
    """The version answers no request any more."""


class Computing(Protocol):
    """What computes rows."""

    async def __call__(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Computed: ...


class Answer(NamedTuple):
    """What a request is answered with."""

    outputs: dict[str, Array]
    seconds: float
    """What the model took for the batch that it was in."""
    batch_rows: int


class _Waiting(NamedTuple):
    inputs: Mapping[str, Array]
    outputs: Sequence[str]
    rows: int
    alike: object
    """Requests that can be put together have the same."""
    future: asyncio.Future[Answer]


class Batcher:
    """Puts requests together, in their order. Use it as an async context manager.

    Args:
        compute: computes a batch; one at a time.
        together: whether rows of several requests may be put together.
        delay: seconds that a request waits for others when nothing is computed.
    """

    def __init__(
        self, compute: Computing, *, together: bool, max_rows: int, max_waiting: int, delay: float
    ) -> None:
        self._compute, self._together = compute, together
        self._max_rows, self._max_waiting, self._delay = max_rows, max_waiting, delay
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._come = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting_rows(self) -> int:
        """That are not begun."""
        return self._rows

    async def __aenter__(self) -> Batcher:
        self._task = asyncio.create_task(self._work(), name="batches")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for waiting in self._waiting:
            _fail(waiting, Withdrawn("the version was withdrawn"))
        self._waiting.clear()

    async def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str], rows: int) -> Answer:
        """The answers to the rows of a request.

        Raises:
            QueueFull: they would wait behind too many.
            Withdrawn: it has ended.
            Exception: whatever ``compute`` raises for this request.
        """
        if self._task is None or self._task.done():
            raise Withdrawn("the version was withdrawn")
        if self._rows + rows > self._max_waiting:
            raise QueueFull("too many requests wait for this model: try again later")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        alike = tuple((name, array.shape[1:]) for name, array in sorted(inputs.items()))
        self._waiting.append(_Waiting(inputs, outputs, rows, alike, future))
        self._rows += rows
        self._come.set()
        return await future

    async def _work(self) -> None:
        while True:
            await self._come.wait()
            if self._delay and self._together and self._rows < self._max_rows:
                await asyncio.sleep(self._delay)
            batch = self._next()
            if not self._waiting:
                self._come.clear()
            if batch:
                try:
                    await self._answer(batch)
                except asyncio.CancelledError:
                    for waiting in batch:
                        _fail(waiting, Withdrawn("the version was withdrawn"))
                    raise

    def _next(self) -> list[_Waiting]:
        """The requests of the next batch, those whose senders have gone away left out."""
        batch: list[_Waiting] = []
        rows = 0
        while self._waiting:
            first = self._waiting[0]
            if batch and (
                not self._together
                or first.alike != batch[0].alike
                or rows + first.rows > self._max_rows
            ):
                break
            self._waiting.popleft()
            self._rows -= first.rows
            if not first.future.cancelled():
                batch.append(first)
                rows += first.rows
        return batch

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        import numpy as np

        if len(batch) == 1:
            inputs = batch[0].inputs
        else:
            inputs = {
                name: np.concatenate([waiting.inputs[name] for waiting in batch])
                for name in batch[0].inputs
            }
        wanted = sorted({name for waiting in batch for name in waiting.outputs})
        try:
            found = await self._compute(inputs, wanted)
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            # One of them may be what the model fails at: the others are not to suffer from it.
            for waiting in batch:
                await self._answer([waiting])
            return
        rows, at = sum(waiting.rows for waiting in batch), 0
        for waiting in batch:
            outputs = {
                name: found.outputs[name]
                if len(batch) == 1
                else found.outputs[name][at : at + waiting.rows]
                for name in waiting.outputs
            }
            at += waiting.rows
            if not waiting.future.done():
                waiting.future.set_result(Answer(outputs, found.seconds, rows))


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)
