"""Dead letters: listed, shown, redriven and dropped, each act leaving a lineage record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from lineal.access.credential import Credential
from lineal.access.senders import read_acting_credential
from lineal.bus.protocol import Addressed, Position
from lineal.bus.topic_names import dead_letter_topic, is_dead_letter_topic, redrive_topic
from lineal.effects.effect import Effect
from lineal.effects.letter_claims import LetterClaim, LettersClaimed
from lineal.effects.records import lineage_records
from lineal.effects.waiting import KeyReleased, numbers_of
from lineal.errors import LinealError, UnknownTopic
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Kind, StepEntry, record_of
from lineal.observability.tracing import trace_id
from lineal.runtime import Runtime
from lineal.stages.pipeline.marks import UnmarkedEvent
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, decode, from_json, now_us
from lineal_schemas.failures import DeadLetter
from lineal_schemas.payload import UnknownPayload


class NobodyAnswersFor(LinealError):
    """Letters hold events of which nobody here knows who wrote them."""


class NoRedriveTarget(LinealError):
    """Letters hold messages that never were on the bus: there is no group to read them again."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter that waits for a decision."""

    id: str
    time: int
    """When it was given up, microseconds since the Unix epoch."""
    content: DeadLetter
    position: Position
    marked: bool = True
    """Whether a worker of ours published it; somebody else may have written it to the broker."""

    @property
    def event(self) -> RawEvent:
        """The original event."""
        return from_json(self.content.event)

    @property
    def unmarked(self) -> bool:
        """Whether somebody else wrote it, or the event in it, to the broker."""
        return not self.marked or self.content.error_class == UnmarkedEvent.__name__

    @property
    def came_from_outside(self) -> bool:
        """Whether a producer rejected it before it came onto the bus: instead of a topic the letter
        names where it came from, as ``scheme:place``, which no topic is called."""
        return ":" in self.content.topic


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters are meant; None means any."""

    group: str | None = None
    key: str | None = None
    error_class: str | None = None
    ids: frozenset[str] | None = None
    """Ids or unambiguous beginnings of ids."""

    def matches(self, letter: Letter) -> bool:
        return (
            (self.key is None or self.key in (letter.content.key, letter.content.correlation_id))
            and (self.error_class is None or letter.content.error_class == self.error_class)
            and (self.ids is None or any(letter.id.startswith(wanted) for wanted in self.ids))
        )


async def waiting_letters(runtime: Runtime, chosen: LetterFilter) -> list[Letter]:
    """The dead letters nobody has decided on, oldest first."""
    if chosen.group is not None:
        topics = [dead_letter_topic(chosen.group)]
    else:
        infos = await runtime.bus.topics()
        topics = [info.topic for info in infos if is_dead_letter_topic(info.topic)]
    await runtime.flush_ledger()
    decided: dict[str, int] = await runtime.store.read(
        lambda c: dict(c.execute("SELECT event_id, decided FROM dead_letter_outcomes").fetchall())
    )
    # By id: an event that fails again in a replay is the same letter, to be decided on anew.
    letters: dict[str, Letter] = {}
    for topic in topics:
        try:
            async for delivery in runtime.bus.read(topic):
                if decided.get(delivery.event.id, -1) >= delivery.event.time:
                    continue
                content = _content(delivery.event)
                if content is None:
                    continue
                marked = await _is_marked(runtime, delivery.event)
                letter = Letter(
                    delivery.event.id, delivery.event.time, content, delivery.position, marked
                )
                if chosen.matches(letter):
                    letters[letter.id] = letter
        except UnknownTopic:
            continue
    return sorted(letters.values(), key=lambda letter: (letter.time, letter.position))


async def _is_marked(runtime: Runtime, letter: RawEvent) -> bool:
    # A bus that keeps no past has its letters in the store, which only we write.
    if runtime.marks is None or not runtime.bus.capabilities.seek:
        return True
    return await runtime.marks.check(letter)


def _content(event: RawEvent) -> DeadLetter | None:
    """None for what somebody emitted here by hand and is no dead letter."""
    try:
        data = decode(event).data
    except (ValueError, UnknownPayload):
        return None
    return data if isinstance(data, DeadLetter) else None


async def redrive(
    runtime: Runtime,
    letters: Sequence[Letter],
    *,
    by: Credential | None = None,
    reason: str | None = None,
) -> list[Letter]:
    """Send the original events to their groups again, and only to these. Those of a key that waits
    go in its order, whichever became a dead letter last.

    Args:
        by: who decides; None: the account that runs this process, in the role the store knows.
        reason: stands in the ledger for ever, which should name nobody.

    Returns:
        The letters that were redriven: all but those about which somebody else decided meanwhile.

    Raises:
        NotPermitted: they may not.
        NoRedriveTarget: for some there is no group; none was sent.
        NobodyAnswersFor: some are unmarked; none was sent.
    """
    by = by or await read_acting_credential(runtime.store)
    by.require("redrive")
    if any(letter.unmarked for letter in letters):
        raise NobodyAnswersFor
    if any(letter.came_from_outside for letter in letters):
        raise NoRedriveTarget
    return await _decide(runtime, await _in_order_of_keys(runtime, letters), "redrive", by, reason)


async def drop(
    runtime: Runtime,
    letters: Sequence[Letter],
    *,
    by: Credential | None = None,
    reason: str | None = None,
) -> list[Letter]:
    """Decide that nothing is to be done about these; what waits for them may be redriven then.

    Args:
        by: who decides; None: the account that runs this process, in the role the store knows.
        reason: as of :func:`redrive`.

    Returns:
        The letters that were dropped: all but those about which somebody else decided meanwhile.

    Raises:
        NotPermitted: they may not.
    """
    by = by or await read_acting_credential(runtime.store)
    by.require("redrive")
    return await _decide(runtime, letters, "drop", by, reason)


async def _in_order_of_keys(runtime: Runtime, letters: Sequence[Letter]) -> list[Letter]:
    def numbered(connection: Connection) -> list[int]:
        numbers = {
            (group, key): numbers_of(connection, group, key)
            for group, key in {(item.content.group, item.content.key) for item in letters}
        }
        return [
            numbers[item.content.group, item.content.key].get((event.source, event.id), 0)
            for item in letters
            for event in [item.event]
        ]

    found = await runtime.store.read(numbered)
    places = sorted(range(len(letters)), key=found.__getitem__)
    return [letters[place] for place in places]


async def _decide(
    runtime: Runtime, letters: Sequence[Letter], kind: Kind, by: Credential, reason: str | None
) -> list[Letter]:
    """Decide about those letters that nobody else decides about; returns them."""
    claimant = uuid4().hex
    left = list(letters)
    while left:
        try:
            await _publish_decisions(runtime, left, kind, claimant, by.actor, reason)
        except LettersClaimed as error:
            left = [letter for letter in left if letter.id not in error.ids]
        else:
            break
    return left


async def _publish_decisions(
    runtime: Runtime, letters: Sequence[Letter], kind: Kind, claimant: str, actor: str,
    reason: str | None,
) -> None:  # fmt: skip
    outputs: list[Addressed] = []
    records = []
    effects: list[Effect] = []
    for letter in letters:
        event = letter.event
        effects.append(LetterClaim(letter.id, letter.time, claimant, now_us()))
        if kind == "redrive":
            outputs.append((redrive_topic(letter.content.group), event))
        else:
            effects.append(
                KeyReleased(
                    letter.content.group, event.partitionkey, event.source, event.id, "", now_us()
                )
            )
        entry = StepEntry(
            event.correlationid,
            now_us(),
            kind=kind,
            events_in=(letter.id,),
            events_out=(event.id,) if kind == "redrive" else (),
            trace=trace_id(event.traceparent),
            reason=reason,
        )
        records.append(record_of(entry, build=None, actor=actor, worker=this_worker()))
    await runtime.committer.publish(outputs, [*effects, *lineage_records(records)])
