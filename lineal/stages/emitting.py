"""Makes events of what a stage returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lineal.effects.effect import Effect
from lineal.effects.timers import TimerCancelled, TimerSet
from lineal.errors import PermanentFailure
from lineal.observability.tracing import child_traceparent
from lineal.stages.declaration import Stage
from lineal.stages.timers import ScheduledEvent
from lineal.store.memo import MemoOutput, memo_output
from lineal_schemas.envelope import RawEvent, caused_by, caused_event
from lineal_schemas.ids import cause_id, output_id, source_mark
from lineal_schemas.payload import Payload, parse_payload


class Emitter:
    """Makes the events of one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.source = f"lineal:stage/{stage.name}"
        self._versions = {payload.type: payload.version for payload in stage.produces}
        self._inputs = {payload.type for payload in stage.inputs}

    def outputs(self, result: object) -> list[MemoOutput]:
        """What a stage returned.

        Raises:
            PermanentFailure: it is not what the stage declares to produce.
        """
        if result is None:
            return []
        if isinstance(result, Payload):
            outputs = [memo_output(result)]
        elif isinstance(result, Iterable):
            outputs = []
            for payload in result:
                if not isinstance(payload, Payload):
                    raise self._no_payload(result)
                outputs.append(memo_output(payload))
        else:
            raise self._no_payload(result)
        for output in outputs:
            if output.type not in self._versions:
                raise PermanentFailure(
                    f"stage {self._stage.name!r} returned a {output.type}, which it does not "
                    "declare to produce"
                )
        return outputs

    def _no_payload(self, result: object) -> PermanentFailure:
        return PermanentFailure(
            f"stage {self._stage.name!r} returned a {type(result).__name__}, which is no payload: "
            "return a payload, a list of payloads, or None"
        )

    def check_length(self, results: object, count: int) -> None:
        """Check what a handler of batches returned.

        Raises:
            PermanentFailure: it is not a list with an item for each event.
        """
        if not isinstance(results, list | tuple) or len(results) != count:
            found = f"{len(results)}" if isinstance(results, list | tuple) else f"{results!r}"
            raise PermanentFailure(
                f"stage {self._stage.name!r} returned {found} for a batch of {count}: return a "
                "list with what each event came to, None included"
            )

    def replay(self, remembered: Sequence[MemoOutput]) -> Sequence[MemoOutput]:
        """What a step made when it was done before, as the newest version of its types."""
        versions = self._versions
        for output in remembered:
            if versions.get(output.type) != output.version:
                break
        else:
            return remembered
        return self.outputs(
            [parse_payload(output.type, output.version, output.data) for output in remembered]
        )

    def events(
        self, outputs: Sequence[MemoOutput], cause: RawEvent, input_id: str, now: int
    ) -> list[RawEvent]:
        """The events of outputs: they keep the correlation id of their cause, and name it."""
        stage = self._stage
        ordinals: dict[str, int] = {}
        events = []
        for output in outputs:
            kind = output.type
            ordinal = ordinals.get(kind, 0)
            ordinals[kind] = ordinal + 1
            identifier = output_id(input_id, stage.name, stage.version, kind, ordinal)
            events.append(
                caused_by(
                    cause,
                    *output,
                    id=identifier,
                    source=self.source,
                    traceparent=child_traceparent(
                        cause.traceparent, cause.correlationid, identifier
                    ),
                    time=now,
                )
            )
        return events

    def timer_effects(
        self, changes: Mapping[str, ScheduledEvent | None], cause: RawEvent, now: int
    ) -> list[Effect]:
        """What sets and cancels the timers of a step.

        Raises:
            PermanentFailure: one is not of a type the stage consumes.
        """
        stage = self._stage
        effects: list[Effect] = []
        for name, scheduled in changes.items():
            if scheduled is None:
                effects.append(TimerCancelled(stage.name, name))
                continue
            kind = scheduled.payload.type
            if kind not in self._inputs:
                raise PermanentFailure(
                    f"stage {stage.name!r} set a timer with a {kind}, which it does not consume"
                )
            input_id = cause_id(cause.id, source_mark(cause.id, cause.source))
            identifier = output_id(input_id, stage.name, stage.version, f"timer {name} {kind}", 0)
            event = caused_event(
                scheduled.payload,
                cause,
                id=identifier,
                source=self.source,
                traceparent=child_traceparent(cause.traceparent, cause.correlationid, identifier),
                time=now,
            )
            serialized = event.to_json(exact=True)
            effects.append(TimerSet(stage.name, name, scheduled.due_us, serialized))
        return effects
