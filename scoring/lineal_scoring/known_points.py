"""Where a machine is that goes to and fro between operating points, such as the stages of a pump.

Its levels are those of the point where it runs: compared with one level that follows slowly, each
change would be an anomaly, and a fault that is smaller than it would be none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

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
_BACK_READINGS = 120
"""A machine that has been at a point for so many readings is back there."""
_MAX_ADDED = 8
_SETTLING_READINGS = 20
"""By so many readings it is found out which of the possible levels a point has."""
_BLUR = 2.0
"""Standard deviations of the mean of these."""


class _Added(NamedTuple):
    """A point that was not learnt in training."""

    beside: int
    """The point that it was taken for before."""
    for_good: bool
    """Else it is in place of that one, until the machine is back there."""
    differs: tuple[bool, ...]
    """Per channel, whether its level there is another one than there."""


class PointTracker:
    """The point of one device, and its levels at each.

    While it is at one point the levels of others may change as those here do (wear), or not (a
    pump's flow goes with the demand while it runs, and is none while it stands). So each of them is
    anywhere between what it was and that much further, until the machine is there again and its
    readings tell. Of a point where it has not been yet that begins with the levels of the training.

    Further points can be added: for good, or for a state that nobody has called normal. Such a one
    is forgotten when the machine is back: else a fault that had lasted would be a point, and none
    when it recurs.
    """

    def __init__(self, known: KnownPoints, step: int) -> None:
        self._known = known
        self._step = step
        self._switching = np.array(known.switching)
        self._spread = np.array(known.spread)[self._switching]
        self._centres = np.array(known.centres)
        self.levels: Array = self._centres.copy()
        """Points × channels."""
        self._moved: Array = np.zeros_like(self.levels)
        """Points × channels: how much further each level may be by now."""
        self._settling: Array = np.zeros(self.levels.shape[1])
        """The sum of the readings of this stay that a point's levels are to be found out by."""
        self._settling_count = 0
        self._settling_at: int | None = None
        self._added: list[_Added | None] = []
        """Those behind the learnt ones; None: it was forgotten."""
        self._back = 0
        """Readings since the machine is back where a point stands in place of another."""
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
        lowest, highest = self._levels_to_compare()
        reach = self._known.reach
        low = (lowest - reach * self._spread).min(axis=0)
        high = (highest + reach * self._spread).max(axis=0)
        values = rows[:, self._switching]
        each = values[:, np.newaxis]
        away = np.abs(each - np.clip(each, lowest, highest)) / self._spread
        distances, near = (away**2).sum(axis=2), (away <= reach).all(axis=2)
        between = ((low <= values) & (values <= high)).all(axis=1)
        for number, nearest in enumerate(distances.argmin(axis=1).tolist()):
            to_each = distances[number]
            if self._current is None or to_each[nearest] < _NEARER * to_each[self._current]:
                self._current = nearest
            moving[number] = False
            if near[number, self._current]:
                self._under_way = max(0, self._under_way - 1)
                if self._added:
                    self._note_return()
            elif self._under_way < self._known.transit and between[number]:
                moving[number] = True
                self._under_way += 1
            places[number] = self._current
        self._settle(rows[(places == self._current) & ~moving])
        if self._added:
            self._find_switching()
        return places, moving

    def place_again(self, rows: Array, places: Places, moving: Moving) -> None:
        """Correct where readings were that came before a point was added: those that are there."""
        here = self.current
        spread, levels = self._spread, self.levels[:, self._switching]
        values = rows[:, self._switching]
        before = (((values - levels[places]) / spread) ** 2).sum(axis=1)
        now = (((values - levels[here]) / spread) ** 2).sum(axis=1)
        there = now < before
        places[there], moving[there] = here, False

    def add(self, level: Array, blocks: int, *, for_good: bool) -> bool:
        """Add a point with this level, where the machine is now.

        Args:
            blocks: of readings that the level was learnt from.
            for_good: a person has called the state normal.

        Returns:
            Whether it is another one than the present point, and there is room for it.
        """
        here, known = self.current, len(self._centres)
        present = self._added[here - known] if here >= known else None
        if not self._is_elsewhere(level, here):
            if present is None or present.for_good or not for_good:
                return False
            self._added[here - known] = present._replace(for_good=True)
            return True
        beside = here if present is None or present.for_good else present.beside
        number = self._put(level, blocks, beside, for_good=for_good)
        if number is None:
            return False
        self._current, self._back = number, 0
        return True

    def adopt(self, other: PointTracker) -> None:
        """Take over the points that people have called normal from the tracker of another model."""
        for number, one in enumerate(other._added, len(other._centres)):
            if one is None or not one.for_good:
                continue
            level = other.levels[number]
            away = np.abs(level - self.levels)[:, self._switching] / self._spread
            nearest = int((away**2).sum(axis=1).argmin())
            if self._is_elsewhere(level, nearest):
                self._put(level, other._blocks[number], nearest, for_good=True)

    def _is_elsewhere(self, level: Array, point: int) -> bool:
        away = np.abs(level - self.levels[point])[self._switching] / self._spread
        return bool((away > self._known.reach).any())

    def _put(self, level: Array, blocks: int, beside: int, *, for_good: bool) -> int | None:
        """Add a point, without going there; its number, or None where there is no room."""
        away = np.abs(level - self.levels[beside]) / np.array(self._known.spread)
        differs = tuple((away > self._known.reach).tolist())
        known, one = len(self._centres), _Added(beside, for_good, differs)
        if None in self._added:
            number = known + self._added.index(None)
            self._added[number - known] = one
            self.levels[number], self._moved[number] = level, 0.0
            self._blocks[number] = blocks
        elif len(self._added) < _MAX_ADDED:
            number = len(self.levels)
            self._added.append(one)
            self.levels = np.vstack([self.levels, level])
            self._moved = np.vstack([self._moved, np.zeros_like(level)])
            self._blocks.append(blocks)
            self._visited.append(True)
        else:
            return None
        self._find_switching()
        return number

    def _note_return(self) -> None:
        """Forget what stands in place of the present point, once the machine is back there."""
        replaced = [
            number
            for number, one in enumerate(self._added)
            if one is not None and not one.for_good and one.beside == self._current
        ]
        self._back = self._back + 1 if replaced else 0
        if self._back < _BACK_READINGS:
            return
        for number in replaced:
            self._added[number] = None
        self._back = 0

    def _find_switching(self) -> None:
        """Find the channels whose level depends on the point, as these are now."""
        differing = [one.differs for one in self._added if one is not None]
        self._switching = np.any([self._known.switching, *differing], axis=0)
        self._spread = np.array(self._known.spread)[self._switching]

    def _settle(self, rows: Array) -> None:
        """Find out by the readings at the present point which of its possible levels it has."""
        here = self.current
        if self._settling_at != here:
            # what a stay before has left says nothing of this one
            self._settling_at, self._settling_count = here, 0
            self._settling = np.zeros_like(self._settling)
        if not self._moved[here].any() or not len(rows):
            return
        self._settling = self._settling + rows.sum(axis=0)
        self._settling_count += len(rows)
        if self._settling_count >= _SETTLING_READINGS:
            mean = self._settling / self._settling_count
            blur = _BLUR * np.array(self._known.spread) / math.sqrt(self._settling_count)
            self.levels[here] = _likely_level(self.levels[here], self._moved[here], mean, blur)
            self._moved[here] = 0.0

    def _possible(self, points: npt.NDArray[np.int64]) -> tuple[Array, Array]:
        """The lowest and the highest levels that points may have by now."""
        levels, moved = self.levels[points], self._moved[points]
        return levels + np.minimum(moved, 0.0), levels + np.maximum(moved, 0.0)

    def _levels_to_compare(self) -> tuple[Array, Array]:
        """Points × switching channels: the lowest and the highest. Those that were forgotten have
        the levels of the first one, which is found before them."""
        points = np.arange(len(self.levels))
        points[[n for n, one in enumerate(self._added, len(self._centres)) if one is None]] = 0
        lowest, highest = self._possible(points)
        return lowest[:, self._switching], highest[:, self._switching]

    def departures(self, rows: Array, places: Places, moving: Moving) -> Array:
        """How far readings are away from the levels of their points; none on the way."""
        lowest, highest = self._possible(places)
        departures: Array = rows - np.clip(rows, lowest, highest)
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
            shared: a slow change, which other points may have as well.
        """
        learnt = slice(0, len(self._centres))
        if not any(self._visited[learnt]):
            prior = max(1, _PRIOR_READINGS // self._step)
            self._blocks[learnt] = [prior] * len(self._centres)
        here = self.current
        self._visited[here] = True
        self._blocks[here] = blocks
        if shared:
            still_open = self._moved[here].copy()
            self._moved += level - self.levels[here]
            self._moved[here] = still_open
        self.levels[here] = level
        for point, visited in enumerate(self._visited):
            if not visited and here < len(self._centres):
                self._moved[point] = level - self._centres[here]
        self.levels[:, ~self._switching] = level[~self._switching]
        self._moved[:, ~self._switching] = 0.0

    def copy(self) -> PointTracker:
        """Another one in the same state."""
        other = PointTracker(self._known, self._step)
        other.restore(self.snapshot())
        return other

    def snapshot(self) -> dict[str, Any]:
        """Plain values from which :meth:`restore` goes on."""
        added = {"added": self._added, "back": self._back} if self._added else {}
        return {
            "levels": encode_array(self.levels),
            "moved": encode_array(self._moved),
            "settling": encode_array(self._settling),
            "settling_count": self._settling_count,
            "settling_at": self._settling_at,
            **added,
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
        added = [None if one is None else _read_added(one) for one in state.get("added", ())]
        count = len(self._centres) + len(added)
        self.levels = decode_array(state["levels"], np.float64, (count, self.levels.shape[1]))
        current = state["current"]
        blocks, visited = list(map(int, state["blocks"])), list(map(bool, state["visited"]))
        if len(blocks) != count or len(visited) != count:
            raise ValueError("the snapshot has other operating points")
        if current is not None and not 0 <= current < count:
            raise ValueError("the snapshot is at a point that there is not")
        self._blocks, self._visited, self._current = blocks, visited, current
        self._under_way = int(state["under_way"])
        self._added, self._back = added, int(state.get("back", 0))
        self._find_switching()
        self._moved = np.zeros_like(self.levels)
        self._settling_at = state.get("settling_at")
        if "moved" in state:  # snapshots of former versions moved the levels themselves
            self._moved = decode_array(state["moved"], np.float64, self.levels.shape)
            self._settling = decode_array(state["settling"], np.float64, self._settling.shape)
            self._settling_count = int(state["settling_count"])


def _likely_level(level: Array, moved: Array, mean: Array, blur: Array) -> Array:
    """Of the levels between one and what has moved from it: an end that a mean of some readings
    cannot be told from, as the ends were learnt from more of them; else the mean."""
    ends = np.stack([level, level + moved])
    away = np.abs(mean - ends)
    nearer = np.where(away[0] <= away[1], ends[0], ends[1])
    between: Array = np.clip(mean, ends.min(axis=0), ends.max(axis=0))
    return np.where(away.min(axis=0) <= blur, nearer, between)


def _read_added(state: Sequence[Any]) -> _Added:
    beside, for_good, differs = state
    return _Added(int(beside), bool(for_good), tuple(map(bool, differs)))
