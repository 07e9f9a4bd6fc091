"""What a replay makes anew says which older event it takes the place of.

Ids of outputs are derived from the input event and the version of the stage, so another version
makes others, beside the older ones. The older one of the same input, type and place is named, so
that whoever counted it can undo that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lineal.lineage.ledger import steps_of_artifact
from lineal.lineage.record import RecordedStep
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent


class Superseding:
    """Names, in each output of a replay, the event of the newest step of another version."""

    def __init__(self, binding: Binding) -> None:
        self._store = binding.services.store
        self._stage = binding.stage
        self._others: bool | None = None
        """Whether the ledger has steps of other versions; None: that was not looked up."""

    async def before(self, invocations: Sequence[Invocation]) -> None:
        """There are no outputs yet."""

    async def after(self, invocations: Sequence[Invocation]) -> None:
        made = [item for item in invocations if item.error is None and item.events]
        if made:
            steps = await self._store.read(lambda connection: self._older_steps(connection, made))
            for invocation, step in zip(made, steps, strict=True):
                if step is not None:
                    invocation.events = list(_naming(invocation.events, step))

    def _older_steps(
        self, connection: Connection, invocations: Sequence[Invocation]
    ) -> list[RecordedStep | None]:
        """For each the newest step of another version on the same events that emitted any."""
        if self._others is None:
            found = connection.execute(
                "SELECT 1 FROM builds WHERE stage = ? AND version <> ? LIMIT 1",
                (self._stage.name, self._stage.version),
            )
            self._others = found.fetchone() is not None
        if not self._others:
            return [None] * len(invocations)
        return [self._older_step(connection, invocation) for invocation in invocations]

    def _older_step(self, connection: Connection, invocation: Invocation) -> RecordedStep | None:
        read = invocation.input_events
        steps = steps_of_artifact(connection, invocation.digests[0].hex(), made=False)
        for step in reversed(steps):
            build = step.build
            if build is None or build.stage != self._stage.name or step.events_in != read:
                continue
            if build.version != self._stage.version and step.entry.emitted:
                return step
        return None


def _naming(events: Iterable[RawEvent], step: RecordedStep) -> Iterable[RawEvent]:
    older: dict[tuple[str, int], str] = {}
    for (kind, place), event_id in zip(_placed(step.entry.emitted), step.events_out, strict=False):
        older[kind, place] = event_id
    events = list(events)
    for event, key in zip(events, _placed(event.type for event in events), strict=True):
        yield event._replace(supersedes=older.get(key))


def _placed(kinds: Iterable[str]) -> Iterable[tuple[str, int]]:
    """Types, each with how many of it came before."""
    counts: dict[str, int] = {}
    for kind in kinds:
        place = counts.get(kind, 0)
        counts[kind] = place + 1
        yield kind, place
