"""Readings that wait until there are enough of them for a step of the windows."""

from __future__ import annotations

import numpy as np

from lineal_scoring.preparation import Array


class Backlog:
    """Readings in the order in which they came; rows × features."""

    def __init__(self) -> None:
        self._blocks: list[Array] = []
        self.readings = 0

    def add(self, block: Array) -> None:
        """Put readings behind the others; the block is kept and must not change."""
        self._blocks.append(block)
        self.readings += len(block)

    def take(self, readings: int) -> Array:
        """Take out the oldest readings; there are that many."""
        block = self._blocks[0]
        if len(block) == readings:
            self._blocks.pop(0)
        elif len(block) > readings:
            self._blocks[0] = block[readings:]
            block = block[:readings]
        else:
            joined = np.concatenate(self._blocks)
            block = joined[:readings]
            self._blocks = [joined[readings:]] if len(joined) > readings else []
        self.readings -= readings
        return block

    def clear(self) -> None:
        """Take out all."""
        self._blocks.clear()
        self.readings = 0

    def joined(self) -> Array | None:
        """All of them in one block; None without any."""
        return np.concatenate(self._blocks) if self._blocks else None

    def copy(self) -> Backlog:
        """Another one with the same readings."""
        other = Backlog()
        other._blocks, other.readings = [*self._blocks], self.readings
        return other
