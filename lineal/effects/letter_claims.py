"""The effect of claiming a dead letter, so that one of several concurrent decisions counts.

Where bus and store share a transaction the claim, the decision and what is redriven are in it.
Elsewhere the claim is made first; if its holder dies before the decision is committed, others can
claim the letter when :data:`CLAIM_US` is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.errors import LinealError
from lineal.store.connection import Connection

CLAIM_US = 10 * 60 * 1_000_000
"""How long a claim without a decision keeps others from a letter: ten minutes, longer than a
transaction of a broker may be open."""


class LettersClaimed(LinealError):
    """Others have claimed some dead letters, or decided about them; nothing was done.

    Args:
        ids: of those letters.
    """

    def __init__(self, ids: frozenset[str]) -> None:
        super().__init__(f"{len(ids)} dead letters are being decided about by somebody else")
        self.ids = ids


@dataclass(frozen=True, slots=True)
class LetterClaim(Effect):
    """Somebody decides about a dead letter.

    Applying it raises :class:`LettersClaimed` if somebody else does, or has.
    """

    kind: ClassVar[str] = "dead_letter.claim"
    read_by_others: ClassVar[bool] = True

    event_id: str
    """Of the letter."""
    time: int
    """Of the letter: one event that fails again is the same letter, with a later time."""
    claimant: str
    """The same claimant may claim again, to try again what failed."""
    at: int
    """Microseconds since the Unix epoch."""


def sweep_claims(connection: Connection, older_than: int) -> int:
    """Delete claims made before a time in microseconds, which hold no longer; returns how many."""
    return connection.execute(
        "DELETE FROM dead_letter_claims WHERE claimed_at < ?", (older_than,)
    ).rowcount


def _apply(connection: Connection, claims: Sequence[LetterClaim]) -> None:
    # Sorted, so that two transactions that claim the same ones wait for each other in one order.
    refused = {
        claim.event_id
        for claim in sorted(claims, key=lambda item: item.event_id)
        if not _claimed(connection, claim) or _decided(connection, claim)
    }
    if refused:
        raise LettersClaimed(frozenset(refused))


def _claimed(connection: Connection, claim: LetterClaim) -> bool:
    row = (claim.event_id, claim.time, claim.claimant, claim.at)
    changed = connection.execute(
        "INSERT INTO dead_letter_claims (event_id, letter_time, claimant, claimed_at) "
        "VALUES (?, ?, ?, ?) ON CONFLICT (event_id) DO UPDATE SET "
        "letter_time = excluded.letter_time, claimant = excluded.claimant, "
        "claimed_at = excluded.claimed_at "
        "WHERE dead_letter_claims.letter_time < excluded.letter_time "
        "OR dead_letter_claims.claimant = excluded.claimant "
        "OR dead_letter_claims.claimed_at < excluded.claimed_at - ?",
        (*row, CLAIM_US),
    )
    return changed.rowcount == 1


def _decided(connection: Connection, claim: LetterClaim) -> bool:
    found = connection.execute(
        "SELECT 1 FROM dead_letter_outcomes WHERE event_id = ? AND decided >= ?",
        (claim.event_id, claim.time),
    )
    return found.fetchone() is not None


register(_apply, LetterClaim)
