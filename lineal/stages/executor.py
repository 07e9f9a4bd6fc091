"""A bound stage: one attempt at each event, in batches, and further attempts at a single one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from pydantic import BaseModel

from lineal.bus.protocol import Delivery
from lineal.effects.waiting import KeyHeld
from lineal.errors import PermanentFailure, Reject, Retry
from lineal.lineage.record import Build
from lineal.stages.batch_source import BatchSource, SingleEvent
from lineal.stages.dead_letter import dead_letter_result
from lineal.stages.declaration import Stage
from lineal.stages.delayed_retry import delayed_result, ended_as_dead_letter
from lineal.stages.handlers import Handler
from lineal.stages.identity import Identity
from lineal.stages.metrics import StageMetrics
from lineal.stages.pipeline import Invocation, Wrapper, compose
from lineal.stages.pipeline.binding import Binding, bind
from lineal.stages.pipeline.failure import as_failure
from lineal.stages.pipeline.held_keys import KeyWaits
from lineal.stages.pipeline.invoke import invoke
from lineal.stages.pipeline.record import record_of
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy, pause_after, unavailable
from lineal.stages.services import Services
from lineal.stages.timeouts import Timeouts
from lineal.stages.uncommitted import UncommittedChanges

log = structlog.get_logger(__name__)

_BATCH_SIZE = 64
"""Of events whose function takes one: a task is not begun for each."""


class StageExecutor:
    """Handles events with a stage under a configuration.

    Args:
        handler_seconds: how long a call of the function may take, where the stage does not say.
        retry_delays: after how many seconds each a failed event is tried again; None: as the stage
            declares.
        replaying: whether past events are handled again.
        pause: waits so many seconds before an event is tried again.
        pipeline: composes the wrappers of the bound stage.
    """

    def __init__(
        self,
        stage: Stage,
        config: BaseModel,
        services: Services,
        *,
        handler_seconds: float,
        retry_delays: Sequence[float] | None = None,
        replaying: bool = False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pipeline: Callable[[Binding], Sequence[Wrapper]] = compose,
    ) -> None:
        self.stage = stage
        self._batch_handlers = _batch_handlers(stage)
        self._batch_size = stage.batch if self._batch_handlers else _BATCH_SIZE
        self.metrics = StageMetrics(stage.name)
        self._binding = bind(
            stage, config, services,
            handler_seconds=handler_seconds, replaying=replaying, retry_delays=retry_delays,
        )  # fmt: skip
        services.dependencies.declare(stage.name, stage.calls)
        self._artifacts = services.artifacts
        self._pause = pause
        self._wrappers = pipeline(self._binding)
        self._identity = self._binding.identity({})
        self._timeouts = Timeouts(services.now)

    @property
    def problem(self) -> str | None:
        """What is wrong with the function itself: that it hangs."""
        return self._timeouts.problem

    async def current_build(self) -> Build:
        """What would handle an event now."""
        return (await self._current_identity()).build

    async def work(self, source: BatchSource) -> None:
        """Handle events, each once, batch after batch for as long as the source has any.

        A function that waits for something keeps nobody else waiting: what is done by then ends,
        and what has not begun goes on in another task.

        Raises:
            CancelledError: the task was cancelled.
        """
        while deliveries := source.begin_batch(self._batch_size):
            attempt, identity = source.attempt, self._identity
            invocations = [Invocation(item, attempt, identity, item.event) for item in deliveries]
            if (uncommitted_of := source.uncommitted) is not None:
                for invocation in invocations:
                    invocation.uncommitted = uncommitted_of(invocation.event.partitionkey)
            waiting: Sequence[Invocation] = invocations
            try:
                if self._binding.in_use:
                    identity = await self._current_identity()
                    for invocation in invocations:
                        invocation.identity = identity
                for wrapper in self._wrappers:
                    await wrapper.before(waiting)
                    waiting = [invocation for invocation in waiting if invocation.open]
            except (Exception, asyncio.CancelledError) as error:
                _fail(invocations, as_failure(error))
                waiting = ()
            closed = [item for item in invocations if not item.open]
            await self._call(_calls(self._batch_handlers, waiting), closed, source)
            if source.slice_is_over:
                await source.next_slice()

    async def _call(
        self, waiting: deque[Sequence[Invocation]], done: list[Invocation], source: BatchSource
    ) -> None:
        """Call the function for what waits, and end what is done."""

        def others_run() -> None:
            # The function that was called waits for something: nobody else is to wait with it.
            nonlocal done
            ending, done = done, []
            rest = deque(waiting)
            waiting.clear()
            if ending:
                source.start_task(self._call(deque(), ending, source))
            if rest:
                source.start_task(self._call(rest, [], source))

        while True:
            if waiting:
                others = asyncio.get_running_loop().call_soon(others_run)
                try:
                    while waiting:
                        invocations = waiting.popleft()
                        await invoke(self._binding, invocations)
                        done += invocations
                        if source.slice_is_over:
                            break
                finally:
                    others.cancel()
            try:
                for wrapper in reversed(self._wrappers):
                    await wrapper.after(done)
            except (Exception, asyncio.CancelledError) as error:
                _fail(done, as_failure(error))
                for invocation in done:
                    invocation.record = record_of(self._binding, invocation)
            failed = [item for item in done if item.error is not None]
            if failed or self._timeouts.problem is not None:
                self._timeouts.note(done)
            source.ended([item.result for item in done if item.error is None], failed)
            if not waiting:
                return
            done = []
            await source.next_slice()

    async def recover(self, failed: Invocation, retry: RetryPolicy) -> StepResult:
        """Try an event again as often as the policy allows; in the end, its dead letter. Later
        events of the key wait meanwhile, other keys go on.

        The failure of a call that had other events too counts as none: on its own, an event shows
        whether it is to blame.
        """
        try:
            result = await self._try_again(failed, retry)
            return result._replace(uncommitted=failed.uncommitted)
        finally:
            self._timeouts.decided(failed.delivery)

    async def _try_again(self, failed: Invocation, retry: RetryPolicy) -> StepResult:
        pauses = retry.pauses()
        failures, began = 0, time.monotonic()
        while True:
            error = failed.error
            assert error is not None
            if unavailable(error):
                # Not the event's doing, and not counted: it begins anew when the outage is over.
                failures, began = 0, time.monotonic()
            elif not failed.failed_together:
                failures += 1
            elapsed = time.monotonic() - began
            if self._is_delayed(failed):
                return self._delay(failed)
            if not failed.failed_together and retry.gives_up(error, failures, elapsed):
                return self._dead_letter(failed)
            pause = pause_after(error, failed.attempt, pauses)
            self.metrics.retried()
            log.warning(
                "event.retry",
                error=repr(error), attempt=failed.attempt, pause_seconds=round(pause, 2),
            )  # fmt: skip
            await self._pause(pause)
            ended = await self._attempt_one(failed.delivery, failed.attempt + 1, failed.uncommitted)
            if isinstance(ended, StepResult):
                return ended
            failed = ended

    async def handle(self, delivery: Delivery, retry: RetryPolicy) -> StepResult:
        """Handle one event to its end: its result, or its dead letter. All that came before it in
        its key is committed."""
        ended = await self._attempt_one(delivery, 1)
        return ended if isinstance(ended, StepResult) else await self.recover(ended, retry)

    def unwritable(self, delivery: Delivery, error: Exception) -> StepResult:
        """The dead letter of an event whose result cannot be committed."""
        failed = Invocation(delivery, 1, self._identity, delivery.event)
        failed.error, failed.began = error, self._binding.services.now()
        failed.record = record_of(self._binding, failed)
        return self._dead_letter(failed)

    async def _attempt_one(
        self, delivery: Delivery, attempt: int, uncommitted: UncommittedChanges | None = None
    ) -> Invocation | StepResult:
        source = SingleEvent(delivery, attempt, uncommitted)
        await self.work(source)
        (ended,) = source.all_ended
        return ended

    def _is_delayed(self, failed: Invocation) -> bool:
        """Whether a failed event leaves its lane, to be tried again later or given up."""
        error = failed.error
        assert error is not None
        return (
            bool(self._binding.retry_delays)
            and not failed.failed_together
            and not unavailable(error)
            and not isinstance(error, Retry | Reject | PermanentFailure)
        )

    def _delay(self, failed: Invocation) -> StepResult:
        """The event comes back after the next delay; after the last it is a dead letter."""
        delays = self._binding.retry_delays
        used = 0 if failed.retried is None else failed.retried.delays
        if used >= len(delays):
            return self._dead_letter(failed)
        seconds = delays[used]
        log.warning(
            "event.delayed",
            error=repr(failed.error), attempts=failed.attempts, delay_seconds=seconds,
        )  # fmt: skip
        self.metrics.delayed()
        return delayed_result(self.stage.name, failed, seconds, self._binding.services.now())

    def _dead_letter(self, failed: Invocation) -> StepResult:
        if isinstance(failed.error, Reject | KeyWaits):
            name = "event.rejected" if isinstance(failed.error, Reject) else "event.waits"
            log.info(name, reason=str(failed.error))
        else:
            log.error("event.dead_letter", error=repr(failed.error), attempts=failed.attempts)
        result = dead_letter_result(self.stage, failed)
        if failed.retried is not None:
            result = result._replace(
                effects=[*result.effects, ended_as_dead_letter(self.stage.name, failed)]
            )
        if self.stage.on_failure == "wait" and not self._binding.replaying:
            event = failed.event
            held = KeyHeld(
                self.stage.name, event.partitionkey, event.source, event.id, failed.position
            )
            result = result._replace(effects=[*result.effects, held])
        return result

    async def _current_identity(self) -> Identity:
        """With the artifacts that are in use now."""
        if self._binding.in_use:
            in_use = {name: await self._artifacts.in_use(name) for name in self._binding.in_use}
            if in_use != self._identity.in_use:
                self._identity = self._binding.identity(in_use)
        return self._identity


def _calls(
    handlers: Mapping[str, Handler], invocations: Sequence[Invocation]
) -> deque[Sequence[Invocation]]:
    """What the function is called with at once: an event, a fan-in group, or all events that a
    handler of batches takes; these by the type of their events."""
    if not handlers:
        return deque([(invocation,) for invocation in invocations])
    calls: deque[Sequence[Invocation]] = deque()
    batches: dict[int, list[Invocation]] = {}
    for invocation in invocations:
        handler = handlers.get(invocation.event.type)
        if handler is None:
            calls.append((invocation,))
        elif (batch := batches.get(id(handler))) is not None:
            batch.append(invocation)
        else:
            batches[id(handler)] = batch = [invocation]
            calls.append(batch)
    return calls


def _fail(invocations: Sequence[Invocation], error: Exception) -> None:
    for invocation in invocations:
        invocation.error = invocation.error or error
        invocation.incomplete = False


def _batch_handlers(stage: Stage) -> Mapping[str, Handler]:
    """The handlers that take batches, by the types of their events."""
    if stage.fan_in:
        return {}
    return {kind.type: h for kind, h in stage.handlers.items() if h.input_kind == "batch"}
