"""The list of wrappers that a stage needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.fan_in import FanIn
from lineal.stages.pipeline.held_keys import HeldKeys
from lineal.stages.pipeline.invocation import Wrapper
from lineal.stages.pipeline.known_events import KnownEvents
from lineal.stages.pipeline.marks import CheckMarks
from lineal.stages.pipeline.memo import Memoising
from lineal.stages.pipeline.record import Recording
from lineal.stages.pipeline.supersede import Superseding
from lineal.stages.pipeline.transport import Transport


def compose(binding: Binding) -> Sequence[Wrapper]:
    """The pipeline of a bound stage, see :mod:`lineal.stages.pipeline`."""
    return list(_wrappers(binding))


def _wrappers(binding: Binding) -> Iterator[Wrapper]:
    stage = binding.stage
    yield Recording(binding)
    if (marks := binding.services.marks) is not None:
        yield CheckMarks(marks, binding.services.broker_types)
    yield Transport(binding, Superseding(binding) if binding.replaying else None)
    if not binding.replaying and (stage.fan_in or not stage.memo):
        yield KnownEvents(binding)
    if not binding.replaying and stage.on_failure == "wait":
        yield HeldKeys(binding)
    if stage.fan_in:
        yield FanIn(binding)
    if stage.memo:
        yield Memoising(binding)
