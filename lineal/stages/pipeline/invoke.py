"""The data is read as the type that the stage takes, and its function is called with it, under its
time limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

import structlog

from lineal.errors import PermanentFailure
from lineal.observability.current_event import current_event
from lineal.stages.decoding import decode_for
from lineal.stages.handlers import Handler
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.failure import as_failure
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.pipeline.time_limit import limited
from lineal.stages.step import Step
from lineal.stages.uncommitted import UncommittedChanges
from lineal.workers.fair_queue import Caller
from lineal_schemas.envelope import RawEvent
from lineal_schemas.payload import Payload


async def invoke(binding: Binding, invocations: Sequence[Invocation]) -> None:
    """Read the data as the type that the stage takes, and call the function; each invocation has
    its outputs, or its error, then.

    Args:
        invocations: one, or several whose events a handler of batches takes.

    Raises:
        CancelledError: the task was cancelled.
    """
    first = invocations[0]
    if first.parts is not None:
        parts = [part for _, part in first.parts]
        group_handler = binding.stage.handler_for(parts[0])
        assert group_handler is not None  # what found the parts has seen to it
        await _invoke_one(binding, group_handler, first, parts, [event for event, _ in first.parts])
        return
    batch: list[tuple[Invocation, Payload]] = []
    for invocation in invocations:
        try:
            payload, handler = decode_for(binding.stage, invocation.event, invocation.payload)
        except PermanentFailure as error:
            invocation.error = error
        else:
            batch.append((invocation, payload))
    if not batch:
        return
    if handler.input_kind == "event":
        await _invoke_one(binding, handler, first, payload, (first.event,))
    else:
        await _invoke_batch(binding, handler, batch)


async def _invoke_one(
    binding: Binding,
    handler: Handler,
    invocation: Invocation,
    argument: Any,
    events: Sequence[RawEvent],
) -> None:
    current_event.set((binding.stage.name, invocation.event))
    variables = len(copy_context())
    invocation.step = step = _step(binding, invocation, events)
    invocation.started = binding.services.now()
    clock = time.perf_counter_ns()
    try:
        returned = await limited(handler.call(argument, step), binding.handler_seconds, step.clock)
        _finish(binding, invocation, returned)
    except (Exception, asyncio.CancelledError) as error:
        invocation.error = as_failure(error)
    invocation.worked_ns = time.perf_counter_ns() - clock
    if len(copy_context()) > variables:
        # What the function bound for its log lines is not the next event's.
        structlog.contextvars.clear_contextvars()


async def _invoke_batch(
    binding: Binding, handler: Handler, batch: Sequence[tuple[Invocation, Payload]]
) -> None:
    # One context for the call: what it reads is an input of every event's step.
    first = batch[0][0]

    def make_each() -> list[Step]:
        return [_step(binding, invocation, (invocation.event,)) for invocation, _ in batch]

    step = _step(binding, first, [item.event for item, _ in batch], make_each=make_each,
                 uncommitted=[item.uncommitted for item, _ in batch])  # fmt: skip
    current_event.set((binding.stage.name, first.event))
    started = binding.services.now()
    clock = time.perf_counter_ns()
    failure: Exception | None = None
    returned: Sequence[Any] = ()
    try:
        payloads = [payload for _, payload in batch]
        returned = await limited(handler.call(payloads, step), binding.handler_seconds, step.clock)
        binding.emitter.check_length(returned, len(batch))
    except (Exception, asyncio.CancelledError) as error:
        failure = as_failure(error)
    each_ns = (time.perf_counter_ns() - clock) // len(batch)
    for index, (invocation, _) in enumerate(batch):
        invocation.step, invocation.started, invocation.worked_ns = step, started, each_ns
        if step.kept_each is not None:
            invocation.step = step.kept_each[index]
            invocation.step.take_from(step)
        try:
            if failure is not None:
                invocation.failed_together = len(batch) > 1
                raise failure
            if (failed := invocation.step.failure) is not None:
                raise failed
            _finish(binding, invocation, returned[index])
        except Exception as error:
            invocation.error = error


def _step(
    binding: Binding,
    invocation: Invocation,
    events: Sequence[RawEvent],
    *,
    make_each: Callable[[], Sequence[Step]] | None = None,
    uncommitted: Sequence[UncommittedChanges | None] | None = None,
) -> Step:
    event = invocation.event
    return Step(
        Caller(binding.stage.name, event.correlationid),
        event,
        invocation.delivery.position,
        binding.config,
        binding.services,
        events=events,
        memo=binding.stage.memo,
        make_each=make_each,
        in_use=invocation.identity.in_use,
        uncommitted=(invocation.uncommitted,) if uncommitted is None else uncommitted,
    )


def _finish(binding: Binding, invocation: Invocation, returned: Any) -> None:
    step = invocation.step
    assert step is not None
    outputs = binding.emitter.outputs(returned)
    if step.skipped is not None:
        if outputs:
            raise PermanentFailure(
                f"stage {binding.stage.name!r} skipped an event ({step.skipped}) and returned "
                "outputs: do one of the two"
            )
        invocation.outcome, invocation.reason = "skipped", step.skipped
    invocation.outputs = outputs
    invocation.effects += step.effects
    if step.kept_state is not None:
        invocation.effects += step.kept_state.changes(invocation.started)
    if step.kept_timers is not None and not binding.replaying:
        invocation.effects += binding.emitter.timer_effects(
            step.kept_timers.changes, invocation.event, invocation.started
        )
