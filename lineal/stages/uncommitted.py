"""What results that are not committed yet have changed: the next event of the key begins with it.

So a key need not wait for a commit after each of its events, and all of them are committed
together. A result holds only as long as those that it was made after do: where one of them is not
committed as it is (its state has changed meanwhile, it cannot be written, its event belongs to
another worker now), what was made after it is made anew.

Which results another event may begin with is said by :func:`reads_uncommitted`, of the stage, and
:func:`may_follow`, of two events; and a result must have changed nothing but what is kept here.
Else the next event of the key begins after the commit, as it does in all other stages.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lineal.bus.protocol import Delivery
from lineal.effects.claims import Claim
from lineal.effects.effect import Effect
from lineal.effects.seen import Seen
from lineal.effects.state import StateChange
from lineal.effects.timers import TimerCancelled, TimerSet
from lineal.stages.state import StateRow
from lineal_schemas.withdrawals import OutputsWithdrawn

if TYPE_CHECKING:
    from lineal.stages.declaration import Stage
    from lineal.stages.result import StepResult

_MAX_RESULTS = 64
_MAX_BYTES = 1 << 18
"""Of a key, how many results and bytes of state are not committed: a store that is written before
the bus commits keeps, with a key of state, what each event of the batch has found there."""


def reads_uncommitted(stage: Stage) -> bool:
    """Whether an event of a stage may begin with what the one before has changed, before that is
    committed.

    Not where it can wait for the one before, or is a part of a group; and what a stage calls
    outside of lineal is called for the next event when this one's call has counted.
    """
    return not (stage.memo or stage.fan_in or stage.calls or stage.on_failure == "wait")


def may_follow(earlier: Delivery, later: Delivery) -> bool:
    """Whether an event may begin before the one before it in its key is committed.

    Both come from one partition, so that they come again in this order. And what a withdrawal or a
    superseding event is about is looked up in the ledger.
    """
    return (
        earlier.position[:2] == later.position[:2]
        and later.event.supersedes is None
        and later.event.type != OutputsWithdrawn.type
    )


class UncommittedChanges:
    """What the uncommitted results of one partition key have changed."""

    __slots__ = ("_claims", "_committed", "_results", "_seen", "_size", "_state", "valid")

    def __init__(self) -> None:
        self._state: dict[str, StateRow] = {}
        self._claims: dict[str, str] = {}
        self._seen: dict[tuple[str, str], str] = {}
        self._results: dict[int, int] = {}
        """Bytes of state of each result, by the identity of its delivery."""
        self._size = 0
        self._committed: asyncio.Event | None = None
        self.valid = True
        """False: one of the results will not be committed as it is."""

    def state(self, key: str) -> StateRow | None:
        """A key of state that one of the results has changed."""
        return self._state.get(key)

    def items(self, prefix: str) -> dict[str, StateRow]:
        """All such keys that begin so."""
        return {key: row for key, row in self._state.items() if key.startswith(prefix)}

    def holder(self, claim: str) -> str | None:
        """Key of the event that has claimed a name."""
        return self._claims.get(claim)

    def seen_at(self, event: tuple[str, str]) -> str | None:
        """The position at which one of the results has handled an event, given as source and id."""
        return self._seen.get(event)

    async def committed(self) -> None:
        """Wait until all of it is committed, or given up."""
        if self._results:
            if self._committed is None:
                self._committed = asyncio.Event()
            await self._committed.wait()

    @property
    def is_full(self) -> bool:
        return len(self._results) >= _MAX_RESULTS or self._size >= _MAX_BYTES

    def add(self, result: StepResult) -> None:
        """A result is to be committed."""
        size = 0
        for effect in result.effects:
            if isinstance(effect, StateChange):
                row = StateRow(effect.event_id, effect.before, effect.after)
                self._state[effect.key] = row
                size += len(effect.after or b"")
            elif isinstance(effect, Seen):
                self._seen[effect.source, effect.event_id] = effect.position
            elif isinstance(effect, Claim):
                self._claims.setdefault(effect.name, effect.event_id)
        self._results[id(result.delivery)] = size
        self._size += size

    def finish(self, result: StepResult) -> bool:
        """A result is committed, or given up; returns whether it was the last."""
        size = self._results.pop(id(result.delivery), None)
        if size is None:
            return False
        self._size -= size
        if self.valid:
            # The store has it now, where others may change it.
            self._forget(result)
        if self._results:
            return False
        if self._committed is not None:
            self._committed.set()
        return True

    def _forget(self, result: StepResult) -> None:
        for effect in result.effects:
            if isinstance(effect, StateChange):
                row = self._state.get(effect.key)
                if row is not None and row.event_id == effect.event_id:
                    del self._state[effect.key]
            elif isinstance(effect, Seen):
                self._seen.pop((effect.source, effect.event_id), None)
            elif isinstance(effect, Claim):
                self._claims.pop(effect.name, None)


class UncommittedByKey:
    """The changes of all keys of a stage."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._keys: dict[str, UncommittedChanges] = {}

    def of(self, key: str) -> UncommittedChanges | None:
        """Those of a partition key, if there are any."""
        return self._keys.get(key)

    def add(self, result: StepResult) -> bool:
        """A result is to be committed; returns whether the next event of its key may begin with
        it."""
        if (
            result.outdated
            or result.record is None
            or result.record.steps[-1].outcome not in ("done", "skipped")
            or not all(map(self._is_kept, result.effects))
        ):
            return False
        key = result.delivery.event.partitionkey
        changes = self._keys.get(key)
        if changes is None:
            changes = self._keys[key] = UncommittedChanges()
        elif not changes.valid:
            return False
        changes.add(result)
        return not changes.is_full

    def _is_kept(self, effect: Effect) -> bool:
        if isinstance(effect, Seen):
            return effect.group == self._stage
        return (
            isinstance(effect, StateChange | Claim | TimerSet | TimerCancelled)
            or not effect.read_by_others
        )

    def undo(self, result: StepResult) -> None:
        """A result will not be committed as it is: nor are those that were made after it."""
        if (changes := self._keys.get(result.delivery.event.partitionkey)) is not None:
            changes.valid = False

    def finish(self, result: StepResult) -> None:
        """A result is committed, or given up."""
        key = result.delivery.event.partitionkey
        changes = self._keys.get(key)
        if changes is not None and changes.finish(result):
            del self._keys[key]
