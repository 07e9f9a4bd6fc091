"""A stage bound to its configuration and services: from one event to one settlement.

This is the hot path. What does not change from event to event is computed once, when binding.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE, check_in, check_out
from lineal.bus.protocol import Delivery, Position, Settlement, Write
from lineal.lineage.promotions import ModelInUse
from lineal.lineage.record import Artifact, Build, Kind, Record, digest
from lineal.observability.tracing import child_traceparent, trace_id
from lineal.stages.declaration import Outputs, Stage
from lineal.stages.gathering import forget_whole, keep_part, other_parts_if_all
from lineal.stages.retry import PermanentFailure
from lineal.stages.services import Services
from lineal.stages.step import Step
from lineal.stages.timers import cancel_timer, set_timer
from lineal.stages.understanding import understand
from lineal.store.memo import Memo, MemoOutput, pack, recall
from lineal.store.objects import SMALL_BYTES
from lineal.workers.turns import Caller
from lineal_schemas.envelope import (
    Event,
    RawEvent,
    caused_event,
    now_us,
    schema_version,
)
from lineal_schemas.ids import gathered_id, output_id
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload, parse_payload

_MOST_AHEAD = 10_000


def config_digest(config: BaseModel) -> str:
    """SHA-256 of a configuration's JSON; fields come in the order of their declaration."""
    return digest(config.model_dump_json().encode())


class BoundStage:
    """A stage ready to handle events."""

    def __init__(self, stage: Stage, config: BaseModel, services: Services) -> None:
        self.stage = stage
        self._models = tuple(stage.models(config)) if stage.models is not None else ()
        self._trained = tuple(stage.trained(config)) if stage.trained is not None else ()
        self._config_digest = config_digest(config)
        self._identity = self._identified({})
        self._config = config
        self._services = services
        self._source = f"lineal:stage/{stage.name}"
        self._actor = f"stage:{stage.name}"
        self._kind: Kind = "step"
        if stage.gathers:
            self._kind = "join"
        elif any(issubclass(payload, Part) for payload in stage.produces):
            self._kind = "step" if issubclass(stage.consumes, Part) else "split"
        self._types = frozenset(payload.type for payload in stage.produces)
        self._inputs = {payload.type for payload in stage.inputs}
        self._ahead: dict[Position, tuple[_Intake, list[MemoOutput] | None]] = {}

    @property
    def build(self) -> Build:
        """What does the steps, as of the last one."""
        return self._identity.build

    async def present_build(self) -> Build:
        """What would do a step that began now."""
        return (await self._present()).build

    def _identified(self, trained: Mapping[str, ModelInUse | None]) -> _Identity:
        stage = self.stage
        models = self._models + tuple(item.model for item in trained.values() if item is not None)
        build = Build(stage.name, stage.version, stage.code_digest, self._config_digest, models)
        prefix = (stage.name, stage.version, build.code, build.config)
        digests = (model.sha256 for model in models)
        return _Identity(build, "\n".join((*prefix, *digests)).encode(), trained)

    async def _present(self) -> _Identity:
        """With the trained models that are in use now."""
        if self._trained:
            in_use = self._services.trained.in_use
            trained = {name: await in_use(name) for name in self._trained}
            if trained != self._identity.trained:
                self._identity = self._identified(trained)
        return self._identity

    async def look_ahead(self, deliveries: Sequence[Delivery]) -> None:
        """Ask the memo about many events at once: a query for each costs more than the step."""
        if not self.stage.memo or self.stage.gathers:
            return
        if len(self._ahead) > _MOST_AHEAD:
            self._ahead.clear()  # of events that were handed back; what is still to come asks anew
        identity = await self._present()
        intakes = [
            (delivery.position, self._take_in(delivery.event, identity))
            for delivery in deliveries
            if delivery.event.datacontenttype != REFERENCE_MEDIA_TYPE
        ]
        steps = [intake.step_id for _, intake in intakes]
        found = await self._services.store.read(lambda connection: recall(connection, steps))
        for position, intake in intakes:
            self._ahead[position] = intake, found.get(intake.step_id)

    async def handle(self, delivery: Delivery, attempt: int) -> Settlement:
        """Handle one event.

        Raises:
            PermanentFailure: the event cannot be understood.
            StepFailed: the stage raised; carries what the step had read and noted until then.
        """
        ahead = self._ahead.pop(delivery.position, None)
        if ahead is not None:
            return await self._perform(delivery, *ahead, attempt)
        try:
            raw = await check_out(delivery.event, self._services.objects)
        except ValidationError as error:
            raise PermanentFailure("the reference to the data is malformed") from error
        if self.stage.gathers:
            return await self._gather(delivery, raw, attempt)
        intake = self._take_in(raw, await self._present())
        return await self._perform(delivery, intake, await self._recall(intake), attempt)

    def _take_in(self, raw: RawEvent, identity: _Identity) -> _Intake:
        data = sha256(raw.data)
        return _Intake(
            raw,
            [Artifact(data.hexdigest(), raw.datacontenttype, len(raw.data), "event")],
            sha256(identity.prefix + data.digest()).digest(),
            raw.id,
            identity,
        )

    async def _recall(self, intake: _Intake) -> list[MemoOutput] | None:
        if not self.stage.memo:
            return None
        step = intake.step_id
        found = await self._services.store.read(lambda connection: recall(connection, [step]))
        return found.get(step)

    async def _gather(self, delivery: Delivery, raw: RawEvent, attempt: int) -> Settlement:
        part = self._understand(raw).data
        assert isinstance(part, Part)
        if part.index >= part.count:
            raise PermanentFailure(f"part {part.index} of {part.count} cannot be")
        name = self.stage.name
        others = await self._services.store.read(lambda c: other_parts_if_all(c, name, part))
        if others is None:
            return Settlement(delivery, writes=[keep_part(name, part, raw)])
        parts = sorted([*others, (part.index, raw)])
        identity = await self._present()
        intakes = [self._take_in(item, identity) for _, item in parts]
        whole = _Intake(
            raw,
            [artifact for intake in intakes for artifact in intake.inputs],
            sha256(b"".join(intake.step_id for intake in intakes)).digest(),
            gathered_id([item.id for _, item in parts]),
            identity,
            [item for _, item in parts],
        )
        settlement = await self._perform(delivery, whole, await self._recall(whole), attempt)
        settlement.cleanups = [*settlement.cleanups, forget_whole(name, part)]
        return settlement

    async def _perform(
        self,
        delivery: Delivery,
        intake: _Intake,
        remembered: Sequence[MemoOutput] | None,
        attempt: int,
    ) -> Settlement:
        started = now_us()
        clock = time.perf_counter_ns()
        stage = self.stage
        raw = intake.raw
        step = self._step(raw, intake.identity)
        try:
            if remembered is not None:
                result: Outputs = [parse_payload(*output) for output in remembered]
            elif intake.gathered is None:
                result = await stage.handle(self._understand(raw), step)
            else:
                parts = [self._understand(item) for item in intake.gathered]
                result = await stage.handle(parts, step)
            outputs = self._events(result, raw, intake.input_id, started)
            writes = [*step.object_writes, *step.writes, *self._timer_writes(step, raw, started)]
        except Exception as error:
            record = self._record(intake, step, [], started, clock, attempt)
            raise StepFailed(record, step) from error
        record = self._record(intake, step, outputs, started, clock, attempt)
        memo = None
        if remembered is not None:
            record.outcome = "memoised"
        elif step.facts.get("status") == "duplicate":
            record.outcome = "duplicate"
        elif stage.memo:
            memo = Memo(intake.step_id, pack([_memo_output(output) for output in outputs]))
        settlement = Settlement(delivery, await self._addressed(outputs), record, memo, writes)
        if step.kept_state is not None:
            writes.extend(step.kept_state.writes())
            settlement.cleanups = step.kept_state.cleanups()
        return settlement

    def _timer_writes(self, step: Step, cause: RawEvent, now: int) -> list[Write]:
        if step.kept_timers is None or not self._services.timers:
            return []
        stage = self.stage
        writes = []
        for name, alarm in step.kept_timers.changes.items():
            if alarm is None:
                writes.append(cancel_timer(stage.name, name))
                continue
            kind = alarm.payload.type
            if kind not in self._inputs:
                raise PermanentFailure(
                    f"stage {stage.name!r} set a timer with a {kind}, which it does not consume"
                )
            identifier = output_id(cause.id, stage.name, stage.version, f"timer {name} {kind}", 0)
            event = caused_event(
                alarm.payload,
                cause,
                id=identifier,
                source=self._source,
                traceparent=child_traceparent(cause.traceparent, cause.correlationid, identifier),
                time=now,
            )
            writes.append(set_timer(stage.name, name, alarm.due_us, event))
        return writes

    def _step(self, raw: RawEvent, identity: _Identity) -> Step:
        caller = Caller(self.stage.name, raw.correlationid)
        memo, trained = self.stage.memo, identity.trained
        return Step(caller, raw.id, self._config, self._services, memo=memo, trained=trained)

    def _understand(self, raw: RawEvent) -> Event[Payload]:
        event = understand(raw)
        if not isinstance(event.data, self.stage.inputs):
            taken = ", ".join(payload.type for payload in self.stage.inputs)
            raise PermanentFailure(f"stage {self.stage.name!r} takes {taken}, not {raw.type}")
        return event

    def unhandled_record(self, raw: RawEvent, attempt: int) -> Record:
        """The record of an event that did not even get to the stage."""
        identity = self._identity
        step = self._step(raw, identity)
        clock = time.perf_counter_ns()
        return self._record(self._take_in(raw, identity), step, [], now_us(), clock, attempt)

    def _events(self, result: Outputs, cause: RawEvent, input_id: str, now: int) -> list[RawEvent]:
        if result is None:
            return []
        payloads = [result] if isinstance(result, Payload) else result
        stage = self.stage
        ordinals: dict[str, int] = {}
        events = []
        for payload in payloads:
            kind = payload.type
            if kind not in self._types:
                raise PermanentFailure(
                    f"stage {stage.name!r} returned a {kind}, which it does not declare to produce"
                )
            ordinal = ordinals.get(kind, 0)
            ordinals[kind] = ordinal + 1
            identifier = output_id(input_id, stage.name, stage.version, kind, ordinal)
            events.append(
                caused_event(
                    payload,
                    cause,
                    id=identifier,
                    source=self._source,
                    traceparent=child_traceparent(
                        cause.traceparent, cause.correlationid, identifier
                    ),
                    time=now,
                )
            )
        return events

    async def _addressed(self, outputs: Sequence[RawEvent]) -> list[tuple[str, RawEvent]]:
        """Outputs with their topics; large ones as a reference."""
        if all(len(output.data) <= SMALL_BYTES for output in outputs):
            return [(output.type, output) for output in outputs]
        objects = self._services.objects
        return [(output.type, await check_in(output, objects)) for output in outputs]

    def _record(
        self,
        intake: _Intake,
        step: Step,
        outputs: Sequence[RawEvent],
        started: int,
        clock: int,
        attempt: int,
    ) -> Record:
        raw, gathered = intake.raw, intake.gathered
        made = [
            Artifact(digest(output.data), output.datacontenttype, len(output.data), "event")
            for output in outputs
        ]
        build = intake.identity.build
        if step.models:
            build = replace(build, models=(*build.models, *step.models))
        return Record(
            kind=step.kind or self._kind,
            root=raw.correlationid,
            build=build,
            started=started,
            duration=(time.perf_counter_ns() - clock) // 1000,
            outcome="done",
            actor=self._actor,
            worker=self._services.worker_name,
            step=intake.step_id.hex(),
            inputs=intake.inputs + step.inputs,
            outputs=made + step.outputs,
            events_in=[raw.id] if gathered is None else [item.id for item in gathered],
            events_out=[output.id for output in outputs],
            attempt=attempt,
            facts=step.facts,
            trace=trace_id(raw.traceparent),
        )


class _Identity(NamedTuple):
    """What does a step, and under which trained models."""

    build: Build
    prefix: bytes
    """What the ids of its steps begin with."""
    trained: Mapping[str, ModelInUse | None]


@dataclass(slots=True)
class _Intake:
    """What a step begins with."""

    raw: RawEvent
    """The event; of a whole, the part that came last."""
    inputs: list[Artifact]
    step_id: bytes
    input_id: str
    """What the ids of the outputs are derived from."""
    identity: _Identity
    gathered: Sequence[RawEvent] | None = None
    """All parts of a whole, in the order of their index."""


class StepFailed(Exception):
    """A stage raised; the cause is the exception it raised."""

    def __init__(self, record: Record, step: Step) -> None:
        super().__init__()
        self.record = record
        self.step = step


def _memo_output(event: RawEvent) -> MemoOutput:
    return MemoOutput(event.type, schema_version(event.dataschema), event.data)
