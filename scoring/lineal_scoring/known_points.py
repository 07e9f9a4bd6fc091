"""Where a machine is that goes to and fro between operating points, such as the stages of a pump.

Its levels are those of the point where it runs: compared with one level that follows slowly, each
change would be an anomaly, and a fault that is smaller than it would be none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lineal_scoring.encoded_array import decode_array, encode_array
from lineal_scoring.preparation import Array, KnownPoints

Places = npt.NDArray[np.int64]
"""Per reading, the number of its point."""
Moving = npt.NDArray[np.bool_]
"""Per reading, whether it is on the way from one point to another."""

_NEARER = 0.25
"""Another point takes over when it is so much nearer (in squares), lest noise change it."""
_PRIOR_READINGS = 20
"""What the training says of a point counts so much beside a device's own readings there."""


class PointTracker:
    """The point of one device, and its levels at each.

    Of a point where it has not been yet the levels are those of the training, moved as far as those
    are where it has been.
    """

    def __init__(self, known: KnownPoints, step: int) -> None:
        self._known = known
        self._step = step
        self._switching = np.array(known.switching)
        self._spread = np.array(known.spread)[self._switching]
        self._centres = np.array(known.centres)
        self.levels: Array = self._centres.copy()
        """Points × channels."""
        self._blocks: list[int] = [0] * len(self.levels)
        self._visited: list[bool] = [False] * len(self.levels)
        self._current: int | None = None
        self._under_way = 0

    @property
    def switching(self) -> npt.NDArray[np.bool_]:
        """Per channel, whether its level depends on the point."""
        return self._switching

    @property
    def current(self) -> int:
        """The point where the device was last."""
        return self._current or 0

    @property
    def blocks(self) -> int:
        """Of readings that the levels of the present point were learnt from."""
        return self._blocks[self.current]

    @property
    def level(self) -> Array:
        """Those of the present point."""
        level: Array = self.levels[self.current]
        return level

    def place(self, rows: Array) -> tuple[Places, Moving]:
        """Where the next readings (rows × channels) are."""
        places, moving = np.empty(len(rows), np.int64), np.empty(len(rows), np.bool_)
        levels = self.levels[:, self._switching]
        reach = self._known.reach
        low = (levels - reach * self._spread).min(axis=0)
        high = (levels + reach * self._spread).max(axis=0)
        for number, row in enumerate(rows[:, self._switching]):
            away = np.abs(row - levels) / self._spread
            distances = (away**2).sum(axis=1)
            nearest = int(distances.argmin())
            if self._current is None or distances[nearest] < _NEARER * distances[self._current]:
                self._current = nearest
            moving[number] = False
            if (away[self._current] <= reach).all():
                self._under_way = max(0, self._under_way - 1)
            elif self._under_way < self._known.transit and ((low <= row) & (row <= high)).all():
                moving[number] = True
                self._under_way += 1
            places[number] = self._current
        return places, moving

    def departures(self, rows: Array, places: Places, moving: Moving) -> Array:
        """How far readings are away from the levels of their points; none on the way."""
        departures: Array = rows - self.levels[places]
        departures[np.ix_(moving, self._switching)] = 0.0
        return departures

    def left_out(self, places: Places, moving: Moving) -> npt.NDArray[np.bool_]:
        """Rows × channels that say nothing of the levels of the present point."""
        elsewhere = places != self.current
        left_out: Moving = (moving[:, np.newaxis] & self._switching) | elsewhere[:, np.newaxis]
        return left_out

    def take(self, level: Array, blocks: int, *, shared: bool) -> None:
        """Take over levels of the present point, learnt from so many blocks of readings.

        Args:
            shared: a slow change, such as wear, which other points have as well.
        """
        if not any(self._visited):
            self._blocks = [max(1, _PRIOR_READINGS // self._step)] * len(self._blocks)
        here = self.current
        self._visited[here] = True
        self._blocks[here] = blocks
        if shared:
            self.levels += level - self.levels[here]
        self.levels[here] = level
        for point, visited in enumerate(self._visited):
            if not visited:
                self.levels[point] = self._centres[point] + level - self._centres[here]
        self.levels[:, ~self._switching] = level[~self._switching]

    def copy(self) -> PointTracker:
        """Another one in the same state."""
        other = PointTracker(self._known, self._step)
        other.restore(self.snapshot())
        return other

    def snapshot(self) -> dict[str, Any]:
        """Plain values from which :meth:`restore` goes on."""
        return {
            "levels": encode_array(self.levels),
            "blocks": list(self._blocks),
            "visited": list(self._visited),
            "current": self._current,
            "under_way": self._under_way,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: it is damaged, or of other points.
            KeyError: something is missing in it.
        """
        self.levels = decode_array(state["levels"], np.float64, self.levels.shape)
        count = len(self.levels)
        current = state["current"]
        blocks, visited = list(map(int, state["blocks"])), list(map(bool, state["visited"]))
        if len(blocks) != count or len(visited) != count:
            raise ValueError("the snapshot has other operating points")
        if current is not None and not 0 <= current < count:
            raise ValueError("the snapshot is at a point that there is not")
        self._blocks, self._visited, self._current = blocks, visited, current
        self._under_way = int(state["under_way"])
