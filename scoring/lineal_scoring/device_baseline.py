"""What is normal for one device: the levels that its readings are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lineal_scoring.anomaly_hold import AnomalyHold
from lineal_scoring.encoded_array import decode_array, encode_array, encode_optional
from lineal_scoring.known_points import PointTracker
from lineal_scoring.operating_point import (
    OperatingPoint,
    decode_point,
    encode_point,
    is_known,
    learn_point,
)
from lineal_scoring.preparation import Array, Preparation
from lineal_scoring.recent_rows import RecentRows

_LONG_AGO = 2**31
"""As many blocks as a level that is given counts for."""


class DeviceBaseline:
    """Follows the readings of one device as :class:`~lineal_scoring.preparation.Baseline` says.

    Of a preparation without one the level is fixed: the mean of the training.
    """

    def __init__(self, preparation: Preparation, recent: RecentRows) -> None:
        channels = len(preparation.channels)
        self._length, self._step = preparation.length, preparation.step
        self._rules = preparation.baseline
        self._recent = recent
        self.level: Array = np.array(preparation.neutral or (0.0,) * channels)
        """Per channel; do not change it."""
        self._blocks = 0
        """Of readings that the level was learnt from."""
        self._unlearned: tuple[Array, npt.NDArray[np.bool_] | None] | None = None
        """The newest block, which is learnt once it is known whether an anomaly holds it."""
        self._tracker: PointTracker | None = None
        """Where the device is, of several points with levels of their own; None: there is one."""
        self._hold: AnomalyHold | None = None
        self._point: OperatingPoint | None = None
        self._watched: list[Array] | None = None
        """Blocks to learn the operating point from; None: it is known."""
        self._accepted = False
        """Whether the point that is being learnt is one that a person has accepted."""
        if (rules := self._rules) is None:
            return
        if rules.known is not None:
            self._tracker = PointTracker(rules.known, preparation.step)
            self.level = self._tracker.level
        if rules.hold is not None:
            self._hold = AnomalyHold(rules.hold, channels)
        if rules.points is not None:
            self._watched = []
        self._weight = 1.0 - (1.0 - 2.0 / (rules.span + 1)) ** preparation.step
        self._follow: Array = np.array(rules.follow)
        if rules.start is not None:
            self.level = np.array(rules.start)
            self._blocks = _LONG_AGO

    @property
    def is_learning(self) -> bool:
        """Whether the operating point is being learnt."""
        return self._watched is not None

    @property
    def is_usable(self) -> bool:
        """Whether something can be said of readings meanwhile."""
        return self._accepted or not self.is_learning

    def departures(self, rows: slice) -> Array:
        """How far readings are away from their levels."""
        readings = self._recent.values[rows]
        if self._tracker is not None:
            recent = self._recent
            return self._tracker.departures(readings, recent.places[rows], recent.moving[rows])
        departures: Array = readings - self.level
        return departures

    def model_input(self, rows: slice) -> Array:
        """Readings as the model takes them: as they are without a baseline, else departures."""
        if self._rules is None:
            return self._recent.values[rows].copy()
        departures = self.departures(rows)
        return departures if self._point is None else departures @ self._point.map

    def add(self, rows: Array, filled: npt.NDArray[np.bool_] | None) -> None:
        """Take a block that was put behind the recent ones.

        Args:
            filled: rows × channels that were missing; None: there are none.
        """
        if self._rules is None:
            return
        if self._tracker is not None:
            filled = self._place(self._tracker, rows, filled)
        self._watch(rows)
        self._unlearned = (rows, filled)
        if self._blocks == 0:
            self.learn(held=False)

    def learn(self, *, held: bool) -> None:
        """Let the level follow the block before.

        Args:
            held: whether an anomaly is open.
        """
        if self._unlearned is None:
            return
        rows, filled = self._unlearned
        self._unlearned = None
        if held and self._stays_elsewhere():
            return
        weight: float | Array = max(self._weight, 1.0 / (self._blocks + 1))
        if held:
            weight = weight * self._shares_during_anomaly(len(rows))
        elif self._hold is not None:
            self._hold.end()
        if filled is None:
            mean = rows.sum(axis=0) / len(rows)
        else:
            counts = (~filled).sum(axis=0)
            if not counts.any():
                return
            sums = np.where(filled, 0.0, rows).sum(axis=0)
            mean = np.where(counts > 0, sums / np.maximum(counts, 1), self.level)
        self.level = self.level + weight * (mean - self.level)
        self._blocks += 1
        self._keep_level(shared=not held)

    def accept(self) -> None:
        """Take the present state for normal: its levels at once, and how readings scatter about
        them in the course of the next ones. Without a baseline there is nothing to take."""
        if (rules := self._rules) is None or not self._recent.end:
            return
        span = max(self._step, self._length if rules.hold is None else rules.hold.span)
        newest = self._recent.newest(span)
        if self._tracker is None:
            self.level = self._recent.values[newest].mean(axis=0)
        elif not self._add_point(self._tracker, newest, for_good=True):
            self.level = self.level + self.departures(newest).mean(axis=0)
        self._blocks = max(1, (newest.stop - newest.start) // self._step)
        self._keep_level(shared=False)
        self._unlearned = None
        if self._hold is not None:
            self._hold.end()
        if rules.points is not None and self._tracker is None:
            self._point, self._watched, self._accepted = None, [], True
            self._follow = np.array(rules.follow)

    def call_fault(self) -> None:
        """A person calls the open anomaly a fault: a state that lasts is no normal one."""
        if self._hold is not None:
            self._hold.call_fault()

    def take_over(self, other: DeviceBaseline) -> None:
        """Go on with what another model's baseline knows of the device; the recent rows have been
        taken over."""
        new, old, kept = self._rules, other._rules, self._recent.end
        if new is None:
            return
        if new.points is not None and kept and self._watched is not None:
            # what is known of the device is not thrown away: the newest readings count
            self._watch(self._recent.values[:kept])
        if self._tracker is not None:
            if other._tracker is None or old is None or old.known != new.known:
                if other._tracker is not None:
                    self._tracker.adopt(other._tracker)
                self._find_place(self._tracker, kept)
                return
            self._tracker = other._tracker.copy()
        if new.start is not None:
            return
        if old is not None:
            self.level, self._blocks = other.level.copy(), other._blocks
            self._unlearned = other._unlearned
        elif kept:
            self.level, self._blocks = self._recent.values[:kept].mean(axis=0), 1

    def snapshot(self) -> dict[str, Any]:
        """Plain values from which :meth:`restore` goes on."""
        rows, filled = self._unlearned or (None, None)
        state: dict[str, Any] = {
            "blocks": self._blocks,
            "level": encode_array(self.level),
            "unlearned": encode_optional(rows),
            "unlearned_filled": encode_optional(filled),
        }
        if self._hold is not None:
            state |= self._hold.snapshot()
        if self._rules is not None and self._rules.points is not None:
            watched, point = self._watched, self._point
            state |= {
                "accepted": self._accepted,
                "watched": None if watched is None else [encode_array(rows) for rows in watched],
                "point": None if point is None else encode_point(point),
            }
        if self._tracker is not None:
            end = self._recent.end
            state["known"] = {
                **self._tracker.snapshot(),
                "places": encode_array(self._recent.places[:end]),
                "moving": encode_array(self._recent.moving[:end]),
            }
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot; the recent rows have been restored.

        Raises:
            ValueError: it is damaged, or another preparation's.
            KeyError: something is missing in it.
        """
        channels = len(self.level)
        self._blocks = int(state["blocks"])
        self.level = decode_array(state["level"], np.float64, (channels,))
        if self._hold is not None:
            self._hold.restore(state)
        if self._rules is not None and self._rules.points is not None:
            watched, point = state["watched"], state["point"]
            self._accepted = bool(state.get("accepted"))
            self._watched = None
            if watched is not None:
                self._watched = [decode_array(rows, np.float64, (-1, channels)) for rows in watched]
            if point is not None:
                self._point = decode_point(point, channels)
                self._follow = self._point.follow
        if (known := state.get("known")) is None:
            self._tracker = None
        elif self._tracker is not None:
            end = self._recent.end
            self._tracker.restore(known)
            self._recent.places[:end] = decode_array(known["places"], np.int64, (end,))
            self._recent.moving[:end] = decode_array(known["moving"], np.bool_, (end,))
        self._unlearned = None
        if state["unlearned"] is not None:
            filled = state["unlearned_filled"]
            self._unlearned = (
                decode_array(state["unlearned"], np.float64, (-1, channels)),
                None if filled is None else decode_array(filled, np.bool_, (-1, channels)),
            )

    def _add_point(self, tracker: PointTracker, newest: slice, *, for_good: bool) -> bool:
        """Take the newest readings for a point of their own, where they are of none; see
        :meth:`PointTracker.add`."""
        recent = self._recent
        level = recent.values[newest].mean(axis=0)
        blocks = max(1, (newest.stop - newest.start) // self._step)
        if not tracker.add(level, blocks, for_good=for_good):
            return False
        here = slice(0, recent.end)
        tracker.place_again(recent.values[here], recent.places[here], recent.moving[here])
        self.level = tracker.level.copy()
        return True

    def _stays_elsewhere(self) -> bool:
        """Whether an anomaly has lasted long enough to be the new normal, at another point than
        those that are known: the levels of these are left as they are."""
        if self._hold is None or self._tracker is None or not self._hold.is_accepted:
            return False
        newest = self._recent.newest(self._hold.rules.span)
        if not self._add_point(self._tracker, newest, for_good=False):
            return False
        self._blocks = self._tracker.blocks
        return True

    def _keep_level(self, *, shared: bool) -> None:
        if self._tracker is not None:
            self._tracker.take(self.level, self._blocks, shared=shared)

    def _shares_during_anomaly(self, readings: int) -> Array:
        """Per channel, how much of the weight stays while an anomaly is open."""
        if (hold := self._hold) is None:
            return self._follow
        if hold.is_new:
            newest = self.departures(self._recent.newest(hold.rules.span)).mean(axis=0)
            hold.note(newest, None if self._point is None else self._point.departure)
        switching = None if self._tracker is None else self._tracker.switching
        return hold.shares(readings, self._follow, switching)

    def _watch(self, rows: Array) -> None:
        """Learn the operating point, if it is not that of the training."""
        if self._watched is None:
            return
        rules = self._rules
        assert rules is not None
        assert rules.points is not None
        self._watched.append(rows.copy())
        count = sum(map(len, self._watched))
        if count >= self._length > count - len(rows) and is_known(
            rules.points, np.concatenate(self._watched)
        ):
            self._watched = None
        elif count >= rules.points.learn:
            watched = np.concatenate(self._watched)
            self._point = learn_point(rules.points, watched, rules.span)
            self._follow = self._point.follow
            self._watched, self._tracker = None, None
        self._accepted = self._accepted and self._watched is not None

    def _place(
        self, tracker: PointTracker, rows: Array, filled: npt.NDArray[np.bool_] | None
    ) -> npt.NDArray[np.bool_]:
        """Note at which points the newest readings are, and go on with the level of the last.

        Returns:
            Where they say nothing of that level.
        """
        newest = self._recent.newest(len(rows))
        places, moving = tracker.place(rows)
        self._recent.places[newest], self._recent.moving[newest] = places, moving
        self.level, self._blocks = tracker.level.copy(), tracker.blocks
        left_out = tracker.left_out(places, moving)
        return left_out if filled is None else left_out | filled

    def _find_place(self, tracker: PointTracker, count: int) -> None:
        """Begin with the readings that there are already at the points that were learnt."""
        rows = self._recent.values[:count]
        places, moving = tracker.place(rows)
        self._recent.places[:count], self._recent.moving[:count] = places, moving
        here = (places == tracker.current) & ~moving
        self.level = tracker.level.copy()
        if here.any():
            self.level = rows[here].mean(axis=0)
            self._blocks = max(1, int(here.sum()) // self._step)
            self._keep_level(shared=False)
