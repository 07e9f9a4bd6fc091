"""The order of a session's chunks: each once, none before the one that precedes it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Arrival = Literal["next", "early", "duplicate"]


class ChunkOrder(BaseModel):
    """Which chunk is next, and which have come before it."""

    model_config = ConfigDict(frozen=True)

    next: int = 0
    early: tuple[int, ...] = ()
    """Sequence numbers that came although one before them is missing, sorted."""
    received: int = 0

    def arrival(self, sequence: int) -> Arrival:
        """What a chunk is that comes now."""
        if sequence < self.next or sequence in self.early:
            return "duplicate"
        return "next" if sequence == self.next else "early"

    def with_early(self, sequence: int) -> ChunkOrder:
        """With a chunk that has to wait."""
        early = tuple(sorted((*self.early, sequence)))
        return self.model_copy(update={"early": early, "received": self.received + 1})

    def with_next(self) -> ChunkOrder:
        """After the next chunk has come."""
        return self.model_copy(update={"next": self.next + 1, "received": self.received + 1})

    def released(self) -> tuple[ChunkOrder, tuple[int, ...]]:
        """Without the early chunks whose turn it is now; and these."""
        position, ready = self.next, 0
        while ready < len(self.early) and self.early[ready] == position:
            position, ready = position + 1, ready + 1
        order = self.model_copy(update={"next": position, "early": self.early[ready:]})
        return order, self.early[:ready]

    def without_missing(self) -> ChunkOrder:
        """Go on with the first early chunk: what is missing before it will not come."""
        return self.model_copy(update={"next": self.early[0]}) if self.early else self
