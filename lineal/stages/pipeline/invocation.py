"""One handling of one event, on its way through the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from lineal.bus.protocol import Addressed, Delivery
from lineal.effects.effect import Effect
from lineal.lineage.record import Outcome, Record
from lineal.stages.identity import Identity
from lineal.stages.result import StepResult
from lineal.stages.step import Step
from lineal.stages.uncommitted import UncommittedChanges
from lineal.store.memo import MemoOutput
from lineal_schemas.envelope import RawEvent
from lineal_schemas.ids import cause_id, fan_in_id, source_mark
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload


class Retried(NamedTuple):
    """What an event had behind it when it came back to be tried again."""

    attempts: int = 0
    delays: int = 0
    """How many it has waited for."""
    delayed: int = 0
    """Microseconds of these."""


@dataclass(slots=True)
class Invocation:
    """An event being handled. Each wrapper of the pipeline reads and fills in its part.

    What failed has :attr:`error`; the wrappers that follow leave it alone.
    """

    delivery: Delivery
    attempt: int
    identity: Identity
    """What handles it: stage, version, code, configuration, artifacts."""
    event: RawEvent
    """The event with its data, once the claim check is resolved."""
    payload: Payload | None = None
    """Its data, where that was not JSON and has been read already."""
    digests: Sequence[bytes] = ()
    """SHA-256 of the event's data; of a fan-in group, of each part's."""
    memo_key: bytes | None = None
    """By what the same work is recognised; None where none is remembered for it."""
    parts: Sequence[tuple[RawEvent, Part]] | None = None
    """All parts of a fan-in group, in the order of their index; None for a single event."""
    step: Step | None = None
    """What the function was given as context, once it was called."""
    outcome: Outcome = "done"
    reason: str | None = None
    """Why there was nothing to do."""
    outputs: Sequence[MemoOutput] = ()
    events: Sequence[RawEvent] = ()
    """The events of the outputs."""
    withdrawal: RawEvent | None = None
    """What says which outputs of before hold no longer."""
    published: Sequence[Addressed] = ()
    """All events as they ride on the bus, large data put away."""
    effects: list[Effect] = field(default_factory=list)
    error: Exception | None = None
    failed_together: bool = False
    """The call that failed was of other events too: which of them is to blame is not known."""
    incomplete: bool = False
    """The part of a fan-in group of which others are still to come."""
    recorded: bool = True
    """Whether the ledger is to have it: not so where there was nothing in it for the stage."""
    known: bool | None = None
    """Whether the group has handled the event before; None: that was not looked up."""
    releases_key: bool = False
    """Later events of the key wait for this one, and no longer once it is handled."""
    retried: Retried | None = None
    """The event was tried before, and waited since; None: not so, as far as is on record."""
    began: int = 0
    """When the attempt began, microseconds since the Unix epoch."""
    started: int = 0
    """When the function was called, microseconds since the Unix epoch."""
    worked_ns: int = 0

    record: Record | None = None
    uncommitted: UncommittedChanges | None = None
    """What earlier events of the key have changed that is not committed yet."""

    @property
    def attempts(self) -> int:
        """How often the event was tried, this attempt and those before a delay included."""
        return self.attempt if self.retried is None else self.attempt + self.retried.attempts

    @property
    def position(self) -> str:
        """Where the event was delivered."""
        return self.delivery.position.text

    @property
    def input_id(self) -> str:
        """What the ids of the outputs are derived from."""
        if self.parts is None:
            return cause_id(self.event.id, self.source_mark)
        return fan_in_id([event.id for event, _ in self.parts])

    @property
    def source_mark(self) -> str | None:
        """What tells the event from those of other sources that have the same id."""
        return source_mark(self.event.id, self.event.source) if self.parts is None else None

    @property
    def inputs(self) -> Sequence[RawEvent]:
        """The event that was handled, or all parts in their order."""
        if self.parts is None:
            return (self.event,)
        return [event for event, _ in self.parts]

    @property
    def caused(self) -> bool:
        """Whether something on the bus caused the event."""
        return self.event.causationid is not None

    @property
    def superseding(self) -> bool:
        """Whether it takes the place of another event, or a part of it does."""
        if self.parts is None:
            return self.event.supersedes is not None
        return any(event.supersedes is not None for event, _ in self.parts)

    @property
    def input_events(self) -> tuple[str, ...]:
        """Ids of the events that were handled: of all parts, in their order."""
        if self.parts is None:
            return (self.event.id,)
        return tuple(event.id for event, _ in self.parts)

    @property
    def result(self) -> StepResult:
        """What it came to."""
        return StepResult(
            self.delivery, self.published, self.effects, self.record, self.uncommitted
        )

    @property
    def open(self) -> bool:
        """Whether it is still to be handled by the wrappers that follow."""
        return self.error is None and not self.incomplete and self.outcome == "done"


class Wrapper(Protocol):
    """What happens before and after a stage's function, for a batch of invocations.

    Raises only what is nobody's fault in the batch (the store is away), or cancellation.
    """

    async def before(self, invocations: Sequence[Invocation]) -> None:
        """Given what is still open; may close some: with an error, or with their outcome."""
        ...

    async def after(self, invocations: Sequence[Invocation]) -> None:
        """Given all that have come to an end, closed ones and failed ones too."""
        ...
