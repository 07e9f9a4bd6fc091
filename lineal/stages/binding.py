"""A stage bound to its configuration and services: from one event to one settlement.

This is the hot path. What does not change from event to event is computed once, when binding.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from lineal.bus.claim_check import check_in, check_out, is_reference
from lineal.bus.protocol import Delivery, Position, Settlement
from lineal.effects.fan_in import FanInDone, FanInPart
from lineal.effects.memo import MemoEntry
from lineal.errors import LinealError, PermanentFailure
from lineal.lineage.record import (
    Artifact,
    Build,
    Kind,
    Outcome,
    Record,
    StepEntry,
    digest,
    record_of,
)
from lineal.observability.tracing import trace_id
from lineal.stages.declaration import Stage
from lineal.stages.emitting import Emitter
from lineal.stages.gathering import other_parts_if_all
from lineal.stages.intake import Identity, Intake, Whole, identity_of, take_in, take_in_whole
from lineal.stages.services import Services
from lineal.stages.step import Step
from lineal.stages.trained_models import ModelInUse
from lineal.stages.understanding import understand
from lineal.store.memo import MemoOutput, pack, recall
from lineal.store.objects import SMALL_BYTES
from lineal.workers.turns import Caller
from lineal_schemas.envelope import Event, RawEvent, now_us
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload

_MOST_AHEAD = 10_000


def config_digest(config: BaseModel) -> str:
    """SHA-256 of a configuration's JSON; fields come in the order of their declaration."""
    return digest(config.model_dump_json().encode())


class Known(NamedTuple):
    """What is known of an event before it is handled."""

    intake: Intake
    remembered: Sequence[MemoOutput] | None
    """What its step made when it was done before."""


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
        self._emitter = Emitter(stage)
        self._actor = f"stage:{stage.name}"
        self._kind: Kind = stage.record_kind or "step"
        if stage.record_kind is not None:
            pass
        elif stage.fan_in:
            self._kind = "join"
        elif any(issubclass(payload, Part) for payload in stage.produces):
            self._kind = "step" if issubclass(stage.consumes, Part) else "split"
        self._ahead: dict[Position, Known] = {}

    @property
    def build(self) -> Build:
        """What does the steps, as of the last one."""
        return self._identity.build

    async def present_build(self) -> Build:
        """What would do a step that began now."""
        return (await self._present()).build

    def _identified(self, trained: Mapping[str, ModelInUse | None]) -> Identity:
        stage = self.stage
        models = self._models + tuple(item.model for item in trained.values() if item is not None)
        build = Build(stage.name, stage.version, stage.code_digest, self._config_digest, models)
        return identity_of(build, trained)

    async def _present(self) -> Identity:
        """With the trained models that are in use now."""
        if self._trained:
            in_use = self._services.trained.in_use
            trained = {name: await in_use(name) for name in self._trained}
            if trained != self._identity.trained:
                self._identity = self._identified(trained)
        return self._identity

    async def look_ahead(self, deliveries: Sequence[Delivery]) -> None:
        """Ask the memo about many events at once: a query for each costs more than the step."""
        if not self.stage.memo or self.stage.fan_in:
            return
        ahead = self._ahead
        if len(ahead) > _MOST_AHEAD:
            ahead.clear()  # of events that were handed back; what is still to come asks anew
        if ahead:
            deliveries = [delivery for delivery in deliveries if delivery.position not in ahead]
        for delivery, known in zip(deliveries, await self.look_up(deliveries), strict=True):
            if known is not None:
                ahead[delivery.position] = known

    async def look_up(self, deliveries: Sequence[Delivery]) -> list[Known | None]:
        """What is known of events; None of those whose data is elsewhere.

        Raises:
            StoreUnavailable
        """
        identity = await self._present()
        intakes = [
            None if is_reference(delivery.event) else take_in(delivery.event, identity)
            for delivery in deliveries
        ]
        found = await self._remembered([intake.step_id for intake in intakes if intake is not None])
        return [intake and Known(intake, found.get(intake.step_id)) for intake in intakes]

    def keep_ahead(self, delivery: Delivery, known: Known | None) -> None:
        """An event that was asked about is to be handled."""
        if known is not None:
            self._ahead[delivery.position] = known

    def again(self, known: Known, now: int) -> list[RawEvent] | None:
        """What is emitted for an event whose step was done before; None where it is to be handled,
        for whatever reason."""
        intake, remembered = known
        if remembered is None:
            return None
        try:
            outputs = self._emitter.again(remembered)
        except Exception:  # an old output that is not understood any more: the step's failure
            return None
        for output in outputs:
            if len(output.data) > SMALL_BYTES:
                return None
        return self._emitter.events(outputs, intake.raw, intake.raw.id, now)

    async def handle(self, delivery: Delivery, attempt: int) -> Settlement:
        """Handle one event.

        Raises:
            PermanentFailure: the event cannot be understood.
            StepFailed: the stage raised; carries what the step had read and noted until then.
        """
        stage = self.stage
        ahead = self._ahead.pop(delivery.position, None)
        if ahead is not None:
            intake, remembered = ahead
        else:
            raw = await self._checked_out(delivery)
            if stage.fan_in:
                part, whole = await self._whole(raw)
                if whole is None:
                    serialized = raw.to_json(exact=True)
                    kept = FanInPart(stage.name, part.whole, part.index, serialized)
                    return Settlement(delivery, effects=[kept])
                intake = take_in_whole(raw, whole, await self._present())
            else:
                intake = take_in(raw, await self._present())
            remembered = (await self._remembered([intake.step_id])).get(intake.step_id)
        started = self._services.now()
        clock = time.perf_counter_ns()
        raw = intake.raw
        raws = (raw,) if intake.whole is None else intake.whole.events
        step = self._step(raw, intake.identity, raws)
        try:
            if remembered is not None:
                outputs = self._emitter.again(remembered)
            else:
                outputs = await self._invoke(raws, step)
            events = self._emitter.events(outputs, raw, intake.input_id, started)
            effects = step.effects
            if step.kept_timers is not None and self._services.timers:
                effects += self._emitter.timer_effects(step.kept_timers.changes, raw, started)
        except Exception as error:
            record = self._record(intake, step, [], "done", started, clock, attempt)
            raise StepFailed(record, step) from error
        outcome: Outcome = "done"
        if remembered is not None:
            outcome = "memoised"
        elif step.skipped is not None:
            outcome = "skipped"
        elif stage.memo and not step.envelope_read:
            # Another event of the same data has another envelope: it is not known by its data.
            effects.append(MemoEntry(intake.step_id, pack(outputs)))
        record = self._record(intake, step, events, outcome, started, clock, attempt)
        addressed = [(event.type, event) for event in events]
        for event in events:
            if len(event.data) > SMALL_BYTES:
                addressed = await self._with_references(events)
                break
        if step.kept_state is not None:
            effects += step.kept_state.changes(started)
        if intake.whole is not None:
            effects.append(FanInDone(stage.name, intake.whole.part.whole, raw.id, started))
        return Settlement(delivery, addressed, record, effects)

    async def _invoke(self, raws: Sequence[RawEvent], step: Step) -> list[MemoOutput]:
        """Call the handler of an event, or of the parts of a group."""
        payloads = [self._understand(raw).data for raw in raws]
        handler = self.stage.handler_for(payloads[0])
        assert handler is not None  # _understand() has seen to it
        if handler.takes == "event":
            outputs = self._emitter.outputs(await handler.call(payloads[0], step))
        elif self.stage.fan_in:
            outputs = self._emitter.outputs(await handler.call(payloads, step))
        else:
            returned = await handler.call(payloads, step)
            [outputs] = self._emitter.outputs_of_each(returned, 1)
        if outputs and step.skipped is not None:
            raise PermanentFailure(
                f"stage {self.stage.name!r} skipped an event ({step.skipped}) and returned outputs"
            )
        return outputs

    async def _checked_out(self, delivery: Delivery) -> RawEvent:
        try:
            return await check_out(delivery.event, self._services.objects)
        except ValidationError as error:
            raise PermanentFailure("the reference to the data is malformed") from error

    async def _remembered(self, steps: Sequence[bytes]) -> Mapping[bytes, list[MemoOutput]]:
        if not steps or not self.stage.memo:
            return {}
        return await self._services.store.read(lambda connection: recall(connection, steps))

    async def _whole(self, raw: RawEvent) -> tuple[Part, Whole | None]:
        """A part, and the whole if all its parts are in."""
        part = self._understand(raw).data
        assert isinstance(part, Part)
        if part.index >= part.count:
            raise PermanentFailure(f"part {part.index} of {part.count} cannot be")
        name = self.stage.name
        others = await self._services.store.read(
            lambda c: other_parts_if_all(c, name, part, raw.id)
        )
        if others is None:
            return part, None
        parts = sorted([*others, (part.index, raw)])
        return part, Whole(part, [event for _, event in parts])

    def _step(self, raw: RawEvent, identity: Identity, events: Sequence[RawEvent]) -> Step:
        return Step(
            Caller(self.stage.name, raw.correlationid),
            raw.id,
            self._config,
            self._services,
            events=events,
            memo=self.stage.memo,
            trained=identity.trained,
        )

    def _understand(self, raw: RawEvent) -> Event[Payload]:
        event = understand(raw)
        if self.stage.handler_for(event.data) is None:
            taken = ", ".join(payload.type for payload in self.stage.inputs)
            raise PermanentFailure(f"stage {self.stage.name!r} takes {taken}, not {raw.type}")
        return event

    def unhandled_record(self, raw: RawEvent, attempt: int) -> Record:
        """The record of an event that did not even get to the stage."""
        identity = self._identity
        step = self._step(raw, identity, (raw,))
        clock = time.perf_counter_ns()
        return self._record(take_in(raw, identity), step, [], "done", now_us(), clock, attempt)

    def replay_entry(self, intake: Intake, outputs: Sequence[RawEvent], now: int) -> StepEntry:
        """The entry of an event of which nothing was done but to emit outputs again."""
        raw = intake.raw
        return StepEntry(
            raw.correlationid,
            now,
            kind="replay",
            outcome="memoised",
            events_in=(raw.id,),
            emitted=tuple([output.type for output in outputs]),
            inputs=tuple(intake.inputs()),
            trace=trace_id(raw.traceparent),
        )

    def replay_record(self, identity: Identity, steps: list[StepEntry], started: int) -> Record:
        """The record of such events."""
        worker = self._services.worker_name
        return Record(identity.build, self._actor, worker, started, now_us(), tuple(steps))

    async def _with_references(self, outputs: Sequence[RawEvent]) -> list[tuple[str, RawEvent]]:
        """Outputs with their topics, large ones as a reference."""
        objects = self._services.objects
        return [(output.type, await check_in(output, objects)) for output in outputs]

    def _record(
        self,
        intake: Intake,
        step: Step,
        outputs: Sequence[RawEvent],
        outcome: Outcome,
        started: int,
        clock: int,
        attempt: int,
    ) -> Record:
        raw = intake.raw
        made = [
            Artifact(digest(output.data), output.datacontenttype, len(output.data), "event")
            for output in outputs
        ]
        build = intake.identity.build
        if step.models:
            build = build._replace(models=(*build.models, *step.models))
        entry = StepEntry(
            raw.correlationid,
            started,
            (time.perf_counter_ns() - clock) // 1000,
            kind=step.record_kind or self._kind,
            outcome=outcome,
            events_in=tuple(intake.event_ids()),
            emitted=tuple([output.type for output in outputs]),
            inputs=(*intake.inputs(), *step.inputs),
            outputs=(*made, *step.outputs),
            attempt=attempt,
            reason=step.skipped,
            attributes=step.attributes,
            gathered=intake.whole is not None,
            step=intake.step_id.hex() if step.models else None,
            trace=trace_id(raw.traceparent),
        )
        worker = self._services.worker_name
        return record_of(entry, build=build, actor=self._actor, worker=worker)


class StepFailed(LinealError):
    """A stage raised; the cause is the exception it raised."""

    def __init__(self, record: Record, step: Step) -> None:
        super().__init__()
        self.record = record
        self.step = step
