"""What a replay makes anew says which older events it takes the place of.

Ids of outputs are derived from the input event and the version of the stage, so another version
makes others, beside the older ones. The older one of the same input, type and place is named, so
that whoever counted it can undo that. Older ones that nothing takes the place of, because the newer
build makes fewer or other outputs, are withdrawn by an event that names them.

Another build of the same version (another artifact, code or configuration) makes outputs under the
same ids. Those that hold other data count again: they name the older one as that step made it, by a
name derived from its id and the beginning of that step.

Stages that follow pass it on: what a stage makes of an event that takes the place of another takes
the place of what it made of that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lineal.effects.seen import outdated
from lineal.lineage.builds import has_other_builds
from lineal.lineage.ledger import newest_steps_of_subject, steps_of_artifact
from lineal.lineage.record import RecordedStep, digest
from lineal.lineage.superseded import may_lack_source, of_one_source, replaces
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.pipeline.withdrawals import withdraw
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent
from lineal_schemas.ids import again_id
from lineal_schemas.withdrawals import WithdrawnOutput

_EVENT_ROLE = "event"
_ENDED = ("done", "memoised", "skipped")
_MAX_RECORDS = 1_000
"""Of a subject that are looked through for what a stage made of an event before."""


class _Older(NamedTuple):
    """Steps of before on the same events."""

    version: RecordedStep | None
    """The newest whose outputs have other ids, as of another version."""
    newest: RecordedStep | None
    """The newest of any build: its outputs hold until now."""
    data: tuple[str, ...]
    """Digests of the newest one's events, in their order."""
    withdrawal: str | None
    """The newest event that withdrew any."""


class Superseding:
    """Names, in each output of a replay, the event of the newest step of another version; and
    withdraws what the newest step made and this one does not."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._store = binding.services.store
        self._stage = binding.stage
        self._others: bool | None = None
        """Whether the ledger has steps of other builds, or of this one by an earlier lineal; None:
        that was not looked up."""

    async def supersede(self, invocations: Sequence[Invocation]) -> None:
        """Name the older events in those of invocations that have come to an end."""
        ended = [
            item
            for item in invocations
            if item.error is None and not item.incomplete and _was_handled(item)
        ]
        if ended:
            found = await self._store.read(lambda connection: self._older_steps(connection, ended))
            for invocation, older in zip(ended, found, strict=True):
                if older.version is not None:
                    self._replace(invocation, older.version)
                if older.newest is not None:
                    changed = _changed(invocation.events, older.newest, older.data)
                    invocation.events = list(changed)
                    if older.withdrawal is not None:
                        invocation.events = _after(older.withdrawal, invocation, older.newest)
                    self._withdraw_rest(invocation, older.newest)

    def _older_steps(
        self, connection: Connection, invocations: Sequence[Invocation]
    ) -> list[_Older]:
        if self._others is None:
            build = invocations[0].identity.build
            self._others = has_other_builds(connection, build) or may_lack_source(connection, build)
        if not self._others:
            return [_Older(None, None, (), None)] * len(invocations)
        return [self._older(connection, item) for item in invocations]

    def _older(self, connection: Connection, invocation: Invocation) -> _Older:
        read = invocation.input_events
        version = newest = withdrawal = None
        data: dict[str | None, tuple[str, ...]] = {}
        steps = steps_of_artifact(connection, invocation.digests[0].hex(), made=False)
        for step in reversed(steps):
            build = step.build
            if build is None or build.stage != self._stage.name or step.events_in != read:
                continue
            if not replaces(step) or not of_one_source(step, invocation.source_mark):
                continue
            newest = newest or step
            if step.outputs:
                made = [item.sha256 for item in step.outputs if item.role == _EVENT_ROLE]
                data.setdefault(step.step, tuple(made))
            if withdrawal is None and step.entry.events_out:
                (withdrawal,) = step.entry.events_out
            # An earlier lineal derived them without the source of the event.
            other_ids = build.version != self._stage.version or (
                step is newest and step.entry.source_mark != invocation.source_mark
            )
            if version is None and other_ids and step.entry.emitted:
                version = step
        known = () if newest is None else data.get(newest.step, ())
        return _Older(version, newest, known, withdrawal)

    async def pass_on(self, invocations: Sequence[Invocation]) -> None:
        """Name, in what was made of events that take the place of others, what the stage made of
        those; and withdraw what nothing takes the place of."""
        handled = [
            item
            for item in invocations
            if item.error is None and not item.incomplete and _was_handled(item)
        ]
        if not handled:
            return
        found = await self._store.read(lambda c: [self._step_before(c, item) for item in handled])
        for invocation, step in zip(handled, found, strict=True):
            if step is None or any(event.supersedes is not None for event in invocation.events):
                continue
            if step.events_in == invocation.input_events:
                data = [item.sha256 for item in step.outputs if item.role == _EVENT_ROLE]
                invocation.events = list(_changed(invocation.events, step, data))
            else:
                self._replace(invocation, step)
            if step.entry.events_out:
                invocation.events = _after(step.entry.events_out[0], invocation, step)
            self._withdraw_rest(invocation, step)

    def _step_before(self, connection: Connection, invocation: Invocation) -> RecordedStep | None:
        """The newest step on the events that were superseded, or on the same with other data."""
        read = tuple(event.supersedes or event.id for event in invocation.inputs)
        steps = newest_steps_of_subject(connection, invocation.event.correlationid, _MAX_RECORDS)
        for step in steps:
            if step.build is None or step.build.stage != self._stage.name or not replaces(step):
                continue
            of_source = of_one_source(step, invocation.source_mark)
            if step.events_in in (read, invocation.input_events) and of_source:
                return step
        return None

    def _replace(self, invocation: Invocation, step: RecordedStep) -> None:
        """Name what a step made, each in the event that takes its place."""
        source, at = self._binding.emitter.source, invocation.started or invocation.began
        invocation.events = list(_naming(invocation.events, step))
        invocation.effects += [
            outdated(source, event.supersedes, at)
            for event in invocation.events
            if event.supersedes is not None
        ]

    def _withdraw_rest(self, invocation: Invocation, step: RecordedStep) -> None:
        """Withdraw what a step made and nothing takes the place of now."""
        held = {event.id for event in invocation.events}
        held |= {event.supersedes for event in invocation.events if event.supersedes is not None}
        made = zip(step.entry.emitted, step.events_out, strict=False)
        gone = [WithdrawnOutput(id=item, type=kind) for kind, item in made if item not in held]
        if gone and invocation.withdrawal is None:
            withdraw(self._binding, invocation, gone, step.started)


def _was_handled(invocation: Invocation) -> bool:
    """Whether the stage has looked at the event: not where it was known or erased."""
    if invocation.outcome == "skipped":
        return invocation.step is not None
    return invocation.outcome in _ENDED


def _naming(events: Iterable[RawEvent], step: RecordedStep) -> Iterable[RawEvent]:
    older: dict[tuple[str, int], str] = {}
    for (kind, place), event_id in zip(_placed(step.entry.emitted), step.events_out, strict=False):
        older[kind, place] = event_id
    events = list(events)
    for event, key in zip(events, _placed(event.type for event in events), strict=True):
        yield event._replace(supersedes=older.get(key))


def _changed(
    events: Iterable[RawEvent], step: RecordedStep, data: Sequence[str]
) -> Iterable[RawEvent]:
    """Events that hold other data than those of the same ids that a step made."""
    before = dict(zip(step.events_out, data, strict=False))
    for event in events:
        older = before.get(event.id)
        same = older is None or older == digest(event.data)
        if event.supersedes is not None or same:
            yield event
        else:
            yield event._replace(supersedes=again_id(event.id, str(step.started)))


def _after(withdrawal: str, invocation: Invocation, newest: RecordedStep) -> list[RawEvent]:
    """An event that the newest step did not make was withdrawn and is made again, under the same
    id: it counts again by naming what withdrew it."""
    made = set(newest.events_out)
    return [
        event
        if event.supersedes is not None or event.id in made
        else event._replace(supersedes=withdrawal)
        for event in invocation.events
    ]


def _placed(kinds: Iterable[str]) -> Iterable[tuple[str, int]]:
    """Types, each with how many of it came before."""
    counts: dict[str, int] = {}
    for kind in kinds:
        place = counts.get(kind, 0)
        counts[kind] = place + 1
        yield kind, place
