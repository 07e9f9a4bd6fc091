"""The lineage record of each invocation: what it read and made, what did it, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from lineal.lineage import record as lineage
from lineal.lineage.record import Artifact, Attributes, Record, StepEntry, digest
from lineal.observability.tracing import trace_id
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation, Retried
from lineal_schemas.envelope import RawEvent

SENT_BY = "sent_by"
"""Attribute of a step whose event came in from outside: who sent it."""

DELAYS = "delays"
"""Attribute of a step whose event was tried before: how many delays it has waited for."""
DELAYED_SECONDS = "delayed_seconds"
"""How long these were together."""

_NONE: Attributes = MappingProxyType({})


class Recording:
    """Makes the record of each invocation, of failed ones too."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding

    async def before(self, invocations: Sequence[Invocation]) -> None:
        began = self._binding.services.now()
        for invocation in invocations:
            invocation.began = began

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if invocation.recorded and not invocation.incomplete:
                invocation.record = record_of(self._binding, invocation)


def record_of(binding: Binding, invocation: Invocation) -> Record:
    """The record of an invocation."""
    event, step, events = invocation.event, invocation.step, invocation.events
    build = invocation.identity.build
    repeated = binding.replaying and invocation.outcome == "memoised"
    kind = "replay" if repeated else (step and step.record_kind) or binding.kind
    inputs = _event_artifacts(invocation)
    # Of a replay the outputs are those of the step that made them, which has the same id.
    outputs = () if repeated else tuple([_artifact(item, digest(item.data)) for item in events])
    attributes: Attributes = _NONE
    work = None
    if step is not None:
        attributes = step.attributes
        if step.inputs:
            inputs += tuple(step.inputs)
        if step.outputs:
            outputs += tuple(step.outputs)
        if step.artifacts:
            work = _step_id(invocation)
            build = build.using(step.artifacts)
    if event.actor is not None and event.actor != event.correlationid:
        # What the step is about says it otherwise.
        attributes = {**attributes, SENT_BY: event.actor}
    if invocation.retried is not None and invocation.retried.delays:
        attributes = {**attributes, **_delays(invocation.retried)}
    started = invocation.started or invocation.began
    # By place: with names it takes twice as long, and there is one for every event.
    entry = StepEntry(
        event.correlationid,
        started,
        invocation.worked_ns // 1000,
        0 if binding.replaying else max(0, started - event.time),
        kind,
        invocation.outcome,
        invocation.input_events,
        tuple([output.type for output in events]),
        () if invocation.withdrawal is None else (invocation.withdrawal.id,),
        inputs,
        outputs,
        invocation.attempts,
        None,
        invocation.reason,
        attributes,
        invocation.parts is not None,
        work,
        trace_id(event.traceparent),
        caused_subjects(event.correlationid, events),
        invocation.source_mark,
    )
    return lineage.record_of(
        entry, build=build, actor=binding.actor, worker=binding.services.worker_name
    )


def caused_subjects(subject: str, events: Sequence[RawEvent]) -> tuple[tuple[str, str], ...]:
    """What else emitted events are about, with their types: erasing the subject follows it, whether
    somebody has handled these events or not."""
    pairs = [
        (event.correlationid, event.type) for event in events if event.correlationid != subject
    ]
    return tuple(dict.fromkeys(pairs)) if pairs else ()


def _delays(retried: Retried) -> dict[str, int]:
    return {DELAYS: retried.delays, DELAYED_SECONDS: retried.delayed // 1_000_000}


def _event_artifacts(invocation: Invocation) -> tuple[Artifact, ...]:
    """The data of the event, or of the parts, as the record names it."""
    event, digests = invocation.event, invocation.digests
    if invocation.parts is None:
        # What failed before its data was looked at has no digest yet.
        return (_artifact(event, digests[0].hex() if digests else digest(event.data)),)
    return tuple(
        _artifact(event, sha256.hex())
        for (event, _), sha256 in zip(invocation.parts, digests, strict=True)
    )


def _artifact(event: RawEvent, sha256: str) -> Artifact:
    data = event.data
    return Artifact(sha256, event.datacontenttype, len(data), "event")


def _step_id(invocation: Invocation) -> str:
    identity = invocation.identity
    if invocation.parts is None:
        return identity.step_id(invocation.digests[0]).hex()
    return identity.group_step_id(invocation.digests).hex()
