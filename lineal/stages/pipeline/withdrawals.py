"""What was made of an event that is withdrawn is withdrawn too, stage after stage.

A replay withdraws events that a newer build makes no more (:mod:`.supersede`). Every stage that
makes events reads these withdrawals, and says of its own what it made of the withdrawn events: by
another withdrawal, which the stages after it read in their turn. What holds and what does not is
read from the ledger; a withdrawal is the occasion to look.

No order is kept between the events of a stage and withdrawals. So who withdraws events, or makes
others in their place, notes them in the store; and one that is noted there, and is made no more, is
left out when it comes late. One that is being handled while its withdrawal comes is found by
looking again, until the ledger says what became of it: first when that must have ended, then each
time after twice as long, because a worker can stall and a broker be away for longer than that.

A part of a fan-in group that waits for others is taken out of its group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineal.bus.topic_names import redrive_topic
from lineal.effects.fan_in import PartWithdrawn
from lineal.effects.retries import retry_owner, retry_timer
from lineal.effects.seen import WINDOW_US, outdated, outdated_events
from lineal.effects.timers import TimerSet
from lineal.errors import PermanentFailure
from lineal.lineage.ledger import steps_of_event
from lineal.lineage.record import RecordedStep
from lineal.lineage.superseded import replaces, still_made
from lineal.observability.tracing import child_traceparent
from lineal.stages.decoding import decode_event
from lineal.stages.fan_in_groups import WaitingPart, waiting_parts
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.services import Services
from lineal.store.connection import Connection
from lineal_schemas.envelope import caused_event
from lineal_schemas.ids import withdrawal_id
from lineal_schemas.withdrawals import OutputsWithdrawn, WithdrawnOutput

_COMMIT_SECONDS = 60.0
"""Within which what was handled is committed."""
_LATE = "the event was superseded or withdrawn before it was handled"


class _Found(NamedTuple):
    """What a stage made of withdrawn events."""

    steps: Sequence[RecordedStep]
    """The newest on each."""
    waiting: Sequence[WaitingPart]
    """Those that wait for the other parts of their group."""
    unsettled: bool
    """What became of one is not on record yet."""


class Withdrawals:
    """Withdraws what the stage made of events that were withdrawn."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._services = binding.services
        self._stage = binding.stage
        self._taken = {payload.type for payload in binding.stage.inputs}
        self._redriven = redrive_topic(binding.stage.name)

    async def pass_on(self, invocations: Sequence[Invocation]) -> None:
        """Given events that withdraw others. They are done with that, unless the stage has a
        handler for them."""
        concerned: list[tuple[Invocation, list[str]]] = []
        for invocation in invocations:
            try:
                payload = decode_event(invocation.event)
            except PermanentFailure as error:
                invocation.error = error
                continue
            assert isinstance(payload, OutputsWithdrawn)
            if OutputsWithdrawn.type not in self._taken:
                invocation.outcome, invocation.recorded = "skipped", False
            named = [output.id for output in payload.outputs if output.type in self._taken]
            if named and (self._stage.produces or self._stage.fan_in):
                concerned.append((invocation, named))
        if not concerned:
            return
        await self._services.flush_ledger()
        found = await self._services.store.read(
            lambda connection: [self._look_up(connection, named) for _, named in concerned]
        )
        for (invocation, _), what in zip(concerned, found, strict=True):
            self._withdraw(invocation, what)

    def _look_up(self, connection: Connection, named: Sequence[str]) -> _Found:
        newest: dict[tuple[str, ...], RecordedStep] = {}
        gone, unsettled = set(), False
        for event_id in named:
            if still_made(connection, event_id):
                continue  # made again since
            gone.add(event_id)
            steps = [
                step
                for step in steps_of_event(connection, event_id)
                if step.build is not None
                and step.build.stage == self._stage.name
                and event_id in step.events_in
            ]
            newest.update((step.events_in, step) for step in steps if replaces(step))
            # After an attempt that failed another one may be under way.
            unsettled |= not any(replaces(step) or step.outcome == "skipped" for step in steps)
        waiting = waiting_parts(connection, self._stage.name, gone) if self._stage.fan_in else ()
        return _Found(list(newest.values()), waiting, unsettled)

    def _withdraw(self, invocation: Invocation, found: _Found) -> None:
        outputs = [
            WithdrawnOutput(id=event_id, type=kind)
            for step in found.steps
            for kind, event_id in zip(step.entry.emitted, step.events_out, strict=False)
        ]
        if outputs:
            withdraw(self._binding, invocation, outputs, max(step.started for step in found.steps))
            invocation.recorded = True
            if invocation.outcome == "skipped":
                invocation.reason = "what was made of the withdrawn events is withdrawn"
        if found.waiting:
            invocation.recorded = True
            if invocation.outcome == "skipped" and invocation.reason is None:
                invocation.reason = "parts that waited for their group are withdrawn"
        invocation.effects += [
            PartWithdrawn(self._stage.name, *part, invocation.event.id, invocation.began)
            for part in found.waiting
        ]
        if found.unsettled and not self._binding.replaying:
            self._look_again(invocation)

    def _look_again(self, invocation: Invocation) -> None:
        event, now = invocation.event, self._services.now()
        age = now - event.time
        wait = round((self._binding.handler_seconds + _COMMIT_SECONDS) * 1e6)
        if invocation.delivery.position.topic == self._redriven:
            if age > WINDOW_US:
                return  # the notes that keep it out when it comes are gone too
            wait = max(wait, age)
        owner, name = retry_owner(self._stage.name), retry_timer(event.source, event.id)
        invocation.effects.append(TimerSet(owner, name, now + wait, event.to_json(exact=True)))


def withdraw(
    binding: Binding, invocation: Invocation, outputs: Sequence[WithdrawnOutput], since: int
) -> None:
    """Have an invocation withdraw outputs of its stage.

    Args:
        since: when the step that made them was begun, microseconds since the Unix epoch.
    """
    cause, stage, source = invocation.event, binding.stage, binding.emitter.source
    identifier = withdrawal_id(
        invocation.input_id, stage.name, [output.id for output in outputs], since
    )
    payload = OutputsWithdrawn(
        stage=stage.name,
        stage_version=stage.version,
        outputs=tuple(outputs),
        key=cause.partitionkey,
        correlation_id=cause.correlationid,
    )
    began = invocation.started or invocation.began
    invocation.withdrawal = caused_event(
        payload,
        cause,
        id=identifier,
        source=source,
        traceparent=child_traceparent(cause.traceparent, cause.correlationid, identifier),
        time=began,
    )
    invocation.effects += [outdated(source, output.id, began) for output in outputs]


async def leave_out_outdated(services: Services, invocations: Sequence[Invocation]) -> None:
    """Close those whose event was superseded or withdrawn before it came: the stage is to make
    nothing of it.

    Only an event that another one has caused can be."""
    keys = [(item.event.source, item.event.id) for item in invocations]
    noted = await services.store.read(lambda connection: outdated_events(connection, keys))
    late = [item for key, item in zip(keys, invocations, strict=True) if key in noted]
    if not late:
        return
    await services.flush_ledger()
    hold = await services.store.read(
        lambda connection: [still_made(connection, item.event.id) for item in late]
    )
    for invocation, holds in zip(late, hold, strict=True):
        if not holds:
            invocation.outcome, invocation.reason = "skipped", _LATE
