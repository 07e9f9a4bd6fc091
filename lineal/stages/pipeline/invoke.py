"""The stage's function is called, under its time limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import structlog

from lineal.errors import HandlerTimeout, PermanentFailure
from lineal.observability.current_event import current_event
from lineal.stages.declaration import Stage
from lineal.stages.handlers import Handler
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.failure import as_failure
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.pipeline.time_limit import TimeExceeded, limited
from lineal.stages.step import Step
from lineal.workers.fair_queue import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a stage's function: for an event, a fan-in group, or a batch of events."""

    handler: Handler
    invocations: Sequence[Invocation]


def calls(stage: Stage, invocations: Iterable[Invocation]) -> Iterator[Call]:
    """The calls that invocations need."""
    batches: dict[int, list[Invocation]] = {}
    for invocation in invocations:
        payload = invocation.payload if invocation.parts is None else invocation.parts[0][1]
        assert payload is not None
        handler = stage.handler_for(payload)
        assert handler is not None  # decoding has seen to it
        if handler.takes == "event" or stage.fan_in:
            yield Call(handler, (invocation,))
        elif id(handler) in batches:
            batches[id(handler)].append(invocation)
        else:
            batches[id(handler)] = [invocation]
    for batch in batches.values():
        payload = batch[0].payload
        assert payload is not None
        handler = stage.handler_for(payload)
        assert handler is not None
        yield Call(handler, batch)


async def invoke(binding: Binding, call: Call) -> None:
    """Call the function; each invocation has its outputs, or its error, then.

    Raises:
        CancelledError: the task was cancelled.
    """
    if call.handler.takes == "event" or binding.stage.fan_in:
        await _invoke_one(binding, call.handler, call.invocations[0])
    else:
        await _invoke_batch(binding, call.handler, call.invocations)


async def _invoke_one(binding: Binding, handler: Handler, invocation: Invocation) -> None:
    argument: Any = invocation.payload
    events = [invocation.event]
    if invocation.parts is not None:
        argument = [part for _, part in invocation.parts]
        events = [event for event, _ in invocation.parts]
    current_event.set((binding.stage.name, invocation.event))
    variables = len(copy_context())
    invocation.step = step = _step(binding, invocation, events)
    invocation.started = started = binding.services.now()
    clock = time.perf_counter_ns()
    try:
        returned = await _limited(binding, handler, argument, step)
        _finish(binding, invocation, returned)
        if step.kept_state is not None:
            invocation.effects += step.kept_state.changes(started)
        if step.kept_timers is not None and not binding.replaying:
            invocation.effects += binding.emitter.timer_effects(
                step.kept_timers.changes, invocation.event, started
            )
    except (Exception, asyncio.CancelledError) as error:
        invocation.error = as_failure(error)
    invocation.worked_ns = time.perf_counter_ns() - clock
    if len(copy_context()) > variables:
        # What the function bound for its log lines is not the next event's.
        structlog.contextvars.clear_contextvars()


async def _invoke_batch(
    binding: Binding, handler: Handler, invocations: Sequence[Invocation]
) -> None:
    # One context for the call: what it reads is an input of every event's step.
    events = [invocation.event for invocation in invocations]
    step = _step(binding, invocations[0], events, of_batch=True)
    current_event.set((binding.stage.name, invocations[0].event))
    started = binding.services.now()
    clock = time.perf_counter_ns()
    failure: Exception | None = None
    returned: Sequence[Any] = ()
    try:
        payloads = [invocation.payload for invocation in invocations]
        returned = await _limited(binding, handler, payloads, step)
        binding.emitter.check_length(returned, len(invocations))
    except (Exception, asyncio.CancelledError) as error:
        failure = as_failure(error)
    each_ns = (time.perf_counter_ns() - clock) // len(invocations)
    for index, invocation in enumerate(invocations):
        invocation.step, invocation.started, invocation.worked_ns = step, started, each_ns
        try:
            if failure is not None:
                invocation.failed_together = len(invocations) > 1
                raise failure
            _finish(binding, invocation, returned[index])
        except Exception as error:
            invocation.error = error


def _step(
    binding: Binding, invocation: Invocation, events: Sequence[Any], *, of_batch: bool = False
) -> Step:
    event = invocation.event
    return Step(
        Caller(binding.stage.name, event.correlationid),
        event.id,
        binding.config,
        binding.services,
        events=events,
        memo=binding.stage.memo,
        of_batch=of_batch,
        trained=invocation.identity.trained,
    )


async def _limited(binding: Binding, handler: Handler, argument: Any, step: Step) -> Any:
    seconds = binding.handler_seconds
    try:
        return await limited(handler.call(argument, step), seconds)
    except TimeExceeded as error:
        raise HandlerTimeout(
            f"the function took longer than {seconds:g} seconds and was ended"
        ) from error


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
