"""The state machine of an item: who may take it, whose answer counts, and when it is decided.

One person decides an item. Where four eyes are asked for, two people answer without seeing each
other's answer: it is decided when they say the same, and else by a third, who sees both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from lineal.errors import LinealError

Status = Literal["open", "taken", "disputed", "completed", "superseded"]
"""``disputed``: two people differ, a third decides. ``superseded``: the machine has made something
else meanwhile, which has an item of its own."""


class Opinion(NamedTuple):
    """What one person has said of an item."""

    number: int
    event_id: str
    actor: str
    outcome: str
    before: str
    """Digest of an object, as ``after``."""
    after: str
    decided: int
    """Microseconds since the Unix epoch."""
    milliseconds: int
    """How long the person had the item."""
    closes: bool
    """Whether the item is decided by it."""


class Lease(NamedTuple):
    """Who works on an item."""

    actor: str
    began: int
    """Microseconds since the Unix epoch, as ``expires``."""
    expires: int


class ReviewConflict(LinealError):
    """An item cannot be taken or decided by who asks; ``details`` says what others did."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class DecidedBefore(ReviewConflict):
    """Somebody else was first."""


class InReview(ReviewConflict):
    """Somebody else works on it."""


class OtherPersonNeeded(ReviewConflict):
    """Who asks has given an answer already, and another person's is needed."""


@dataclass(frozen=True, slots=True)
class ItemState:
    """What decides who may do what with an item."""

    four_eyes: bool = False
    superseded: bool = False
    opinions: tuple[Opinion, ...] = ()
    lease: Lease | None = None

    def status(self, now: int) -> Status:
        """Where it stands at a time, in microseconds since the Unix epoch."""
        if self.decision is not None:
            return "completed"
        if self.holder(now) is not None:
            return "taken"
        if self.superseded:
            return "superseded"
        return "disputed" if len(self.opinions) > 1 else "open"

    @property
    def decision(self) -> Opinion | None:
        """The answer that counts."""
        return next((item for item in self.opinions if item.closes), None)

    def holder(self, now: int) -> Lease | None:
        """Who works on it at present."""
        return self.lease if self.lease is not None and self.lease.expires > now else None

    def check(self, actor: str, now: int) -> None:
        """Whether somebody may take the item, or decide it.

        Raises:
            DecidedBefore, InReview, OtherPersonNeeded
        """
        if (made := self.decision) is not None:
            raise DecidedBefore(
                f"{made.actor} has {made.outcome} it already",
                by=made.actor, outcome=made.outcome, decided_us=made.decided, after=made.after,
            )  # fmt: skip
        held = self.holder(now)
        if held is not None and held.actor != actor:
            raise InReview(
                f"{held.actor} works on it since {(now - held.began) // 1_000_000} s",
                by=held.actor, since_us=held.began, expires_us=held.expires,
            )  # fmt: skip
        if any(item.actor == actor for item in self.opinions):
            raise OtherPersonNeeded("you have answered already: another person has to look as well")

    def next_opinion_completes(self, *, agrees: bool) -> bool:
        """Whether the item is decided by the next answer.

        Args:
            agrees: it says what the one before said.
        """
        if not self.four_eyes:
            return True
        return (len(self.opinions) == 1 and agrees) or len(self.opinions) >= 2

    def visible_opinions(self, actor: str, now: int) -> tuple[Opinion, ...]:
        """The answers that somebody may see: who is to give the second sees none but their own."""
        if self.status(now) == "completed" or len(self.opinions) > 1:
            return self.opinions
        return tuple(item for item in self.opinions if item.actor == actor)
