"""The list of wrappers that a stage needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.delayed_retries import DelayedRetries
from lineal.stages.pipeline.fan_in import FanIn
from lineal.stages.pipeline.foreign_data import DecodeForeign, EncodeForeign
from lineal.stages.pipeline.held_keys import HeldKeys
from lineal.stages.pipeline.invocation import Wrapper
from lineal.stages.pipeline.known_events import KnownEvents
from lineal.stages.pipeline.marks import CheckMarks
from lineal.stages.pipeline.memo import Memoising
from lineal.stages.pipeline.record import Recording
from lineal.stages.pipeline.step_spans import StepSpans
from lineal.stages.pipeline.transport import Transport
from lineal_schemas.payload import foreign_of


def compose(binding: Binding) -> Sequence[Wrapper]:
    """The pipeline of a bound stage, see :mod:`lineal.stages.pipeline`."""
    return list(_wrappers(binding))


def _wrappers(binding: Binding) -> Iterator[Wrapper]:
    stage = binding.stage
    if (spans := binding.services.spans) is not None:
        yield StepSpans(stage.name, spans)
    yield Recording(binding)
    if (marks := binding.services.marks) is not None:
        yield CheckMarks(marks, binding.services.broker_types)
    codec = binding.services.codec
    if codec is not None and any(foreign_of(payload.type) for payload in stage.produces):
        yield EncodeForeign(codec)
    yield Transport(binding)
    if binding.retry_delays:
        yield DelayedRetries(binding)
    if not binding.replaying and (stage.fan_in or not stage.memo):
        yield KnownEvents(binding)
    if not binding.replaying and stage.on_failure == "wait":
        yield HeldKeys(binding)
    if stage.fan_in:
        yield FanIn(binding)
    if stage.memo:
        yield Memoising(binding)
    if codec is not None and any(foreign_of(payload.type) for payload in stage.inputs):
        yield DecodeForeign(codec)
