"""Sliding windows over one device's readings, in bounded memory."""

from __future__ import annotations

from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from lineal_scoring.backlog import Backlog
from lineal_scoring.encoded_array import decode_array, encode_array
from lineal_scoring.known_points import PointTracker
from lineal_scoring.last_values import LastValues, is_missing
from lineal_scoring.operating_point import (
    OperatingPoint,
    decode_point,
    encode_point,
    is_known,
    learn_point,
)
from lineal_scoring.preparation import Array, Preparation
from lineal_scoring.window import Window, constant_channels

_MAX_FILLED = 0.5


class WindowStream:
    """The windows of one device.

    A value that is missing, NaN, infinite or beyond 1e15 is replaced by the sensor's last value for
    up to ``patience`` readings, after that (or if there never was one) by the level that speaks
    neither for nor against an anomaly: the baseline, or the training mean. Windows never span a
    gap. Memory is bounded by window and step, whatever is pushed.
    """

    def __init__(self, preparation: Preparation) -> None:
        self.preparation = preparation
        features, channels = len(preparation.features), len(preparation.channels)
        self._features_of = np.array(preparation.channel_features)
        capacity = preparation.length + 4 * preparation.step
        self._rows = np.empty((capacity, channels))
        self._filled = np.empty((capacity, features), dtype=bool)
        self._end = 0
        self._since_filled = 0
        """Readings since the last block in which something was filled in."""
        self._backlog = Backlog()
        self._next_seq: int | None = None
        self._block_end = 0
        self._last = LastValues(features, preparation.patience)
        self._level = np.array(preparation.neutral or (0.0,) * channels)
        self._blocks = 0
        self._unlearned: tuple[Array, npt.NDArray[np.bool_] | None] | None = None
        self._tracker: PointTracker | None = None
        """Where the device is, of several points with levels of their own; None: there is one."""
        self._places = np.zeros(capacity, dtype=np.int64)
        self._moving = np.zeros(capacity, dtype=bool)
        baseline = preparation.baseline
        if baseline is not None:
            if baseline.known is not None:
                self._tracker = PointTracker(baseline.known, preparation.step)
                self._level = self._tracker.level
            self._weight = 1.0 - (1.0 - 2.0 / (baseline.span + 1)) ** preparation.step
            self._follow = np.array(baseline.follow)
            self._departed = np.zeros(channels, dtype=bool)
            self._held_readings = 0
            self._is_fault = False
            """Whether a person has called the open anomaly a fault: it is held while it lasts."""
            self._accepted = False
            """Whether the point that is being learnt is one that a person has accepted."""
            self._point: OperatingPoint | None = None
            self._watched: list[Array] | None = None if baseline.points is None else []
            """Blocks to learn the operating point from; None: it is known."""
            if baseline.start is not None:
                self._level = np.array(baseline.start)
                self._blocks = 2**31  # as if it had been learnt long ago

    @property
    def level(self) -> Array:
        """The baseline (or the training mean) per channel; do not change it."""
        return self._level

    @property
    def next_seq(self) -> int | None:
        """The reading that comes next; None before the first."""
        return self._next_seq

    def push(self, values: npt.ArrayLike, first_seq: int) -> bool:
        """Add consecutive readings, rows × features; None and NaN are missing values. Readings seen
        before are ignored. Returns whether readings are missing before these; windows start again
        then.

        Raises:
            ValueError: the rows do not have this preparation's features.
        """
        rows = np.asarray(values, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.preparation.features):
            raise ValueError(
                f"readings of shape {rows.shape}; expected rows × "
                f"{len(self.preparation.features)} features"
            )
        gap = False
        if self._next_seq is not None and first_seq < self._next_seq:
            rows = rows[self._next_seq - first_seq :]
            first_seq = self._next_seq
        elif self._next_seq is not None and first_seq > self._next_seq:
            gap = True
        if not len(rows):
            return False
        if gap or self._next_seq is None:
            self.restart(first_seq)
        self._backlog.add(rows.copy())
        self._next_seq = first_seq + len(rows)
        return gap

    def restart(self, next_seq: int) -> None:
        """Start windows again at a reading, after a gap. The baseline stays."""
        self._end = 0
        self._backlog.clear()
        self._last.expire()
        self._next_seq = self._block_end = next_seq

    def take(self, *, held: bool) -> Window | None:
        """The next window, or None until more readings are pushed.

        Args:
            held: whether the window before belongs to an anomaly, so that the baseline must not
                learn from its readings.
        """
        step = self.preparation.step
        while self._backlog.readings >= step:
            self._learn(held)
            block = self._backlog.take(step)
            self._block_end += step
            self._advance(block)
            if self._end >= self.preparation.length:
                return self._window()
        return None

    def accept(self) -> None:
        """Take the present state for normal: its levels at once, and how readings scatter about
        them in the course of the next ones. Without a baseline there is nothing to take."""
        baseline = self.preparation.baseline
        if baseline is None or not self._end:
            return
        step = self.preparation.step
        span = max(step, self.preparation.length if baseline.hold is None else baseline.hold.span)
        newest = slice(max(self._end - span, 0), self._end)
        if self._tracker is None:
            self._level = self._rows[newest].mean(axis=0)
        elif not self._add_point(newest, for_good=True):
            self._level = self._level + self._departures(newest).mean(axis=0)
        self._blocks = max(1, len(self._rows[newest]) // step)
        self._keep_level(shared=False)
        self._unlearned = None
        self._held_readings, self._is_fault = 0, False
        if baseline.points is not None and self._tracker is None:
            self._point, self._watched, self._accepted = None, [], True
            self._follow = np.array(baseline.follow)

    def _add_point(self, newest: slice, *, for_good: bool) -> bool:
        """Take the newest readings for a point of their own, where they are of none; see
        :meth:`PointTracker.add`."""
        assert self._tracker is not None
        level = self._rows[newest].mean(axis=0)
        blocks = max(1, (newest.stop - newest.start) // self.preparation.step)
        if not self._tracker.add(level, blocks, for_good=for_good):
            return False
        here = slice(0, self._end)
        self._tracker.place_again(self._rows[here], self._places[here], self._moving[here])
        self._level = self._tracker.level.copy()
        return True

    def hold(self) -> None:
        """A person calls the open anomaly a fault: a state that lasts is no normal one."""
        if self.preparation.baseline is not None:
            self._is_fault = True

    @property
    def held_back(self) -> int:
        """Readings pushed that wait for their step to be complete."""
        return self._backlog.readings

    def _learn(self, held: bool) -> None:
        """Let the baseline follow the block before."""
        if self._unlearned is None:
            return
        rows, filled = self._unlearned
        self._unlearned = None
        if held and self._stays_elsewhere():
            return
        weight: float | Array = max(self._weight, 1.0 / (self._blocks + 1))
        if held:
            weight = weight * self._shares_during_anomaly(len(rows))
        else:
            self._held_readings, self._is_fault = 0, False
        if filled is None:
            mean = rows.sum(axis=0) / len(rows)
        else:
            counts = (~filled).sum(axis=0)
            if not counts.any():
                return
            sums = np.where(filled, 0.0, rows).sum(axis=0)
            mean = np.where(counts > 0, sums / np.maximum(counts, 1), self._level)
        self._level = self._level + weight * (mean - self._level)
        self._blocks += 1
        self._keep_level(shared=not held)

    def _stays_elsewhere(self) -> bool:
        """Whether an anomaly has lasted long enough to be the new normal, at another point than
        those that are known: the levels of these are left as they are."""
        baseline = self.preparation.baseline
        assert baseline is not None
        if (hold := baseline.hold) is None or self._tracker is None or self._is_fault:
            return False
        if self._held_readings <= hold.accept_after:
            return False
        newest = slice(max(self._end - hold.span, 0), self._end)
        if not self._add_point(newest, for_good=False):
            return False
        self._blocks = self._tracker.blocks
        return True

    def _keep_level(self, *, shared: bool) -> None:
        if self._tracker is not None:
            self._tracker.take(self._level, self._blocks, shared=shared)

    def _departures(self, rows: slice) -> Array:
        """How far readings are away from their levels."""
        readings = self._rows[rows]
        if self._tracker is not None:
            return self._tracker.departures(readings, self._places[rows], self._moving[rows])
        departures: Array = readings - self._level
        return departures

    def _watch(self, rows: Array) -> None:
        """Learn the operating point, if it is not that of the training."""
        if self._watched is None:
            return
        baseline = self.preparation.baseline
        assert baseline is not None
        assert baseline.points is not None
        self._watched.append(rows.copy())
        count = sum(map(len, self._watched))
        if count >= self.preparation.length > count - len(rows) and is_known(
            baseline.points, np.concatenate(self._watched)
        ):
            self._watched = None
        elif count >= baseline.points.learn:
            watched = np.concatenate(self._watched)
            self._point = learn_point(baseline.points, watched, baseline.span)
            self._follow = self._point.follow
            self._watched, self._tracker = None, None
        self._accepted = self._accepted and self._watched is not None

    def _shares_during_anomaly(self, readings: int) -> Array:
        """Per channel, how much of the weight stays while an anomaly is open."""
        baseline = self.preparation.baseline
        assert baseline is not None
        if (hold := baseline.hold) is None:
            return self._follow
        if self._held_readings == 0:
            self._departed[:] = False
        if self._held_readings < hold.onset:
            newest = self._departures(slice(max(self._end - hold.span, 0), self._end)).mean(axis=0)
            usual = hold.departure if self._point is None else self._point.departure
            limits = hold.above * np.array(usual)
            self._departed |= np.abs(newest) > limits
        self._held_readings += readings
        if self._held_readings > hold.accept_after and not self._is_fault:
            return np.ones_like(self._follow)
        if self._held_readings < hold.onset:
            return self._follow
        held = self._departed
        if self._tracker is not None:
            # what opened it may go to another point meanwhile, and depart from that
            held = held | self._tracker.switching
        return np.where(held, self._follow, 1.0)

    def _advance(self, block: Array) -> None:
        """Clean a block and put it behind the rows."""
        step = len(block)
        faulty = is_missing(block)
        filled: npt.NDArray[np.bool_] | None = None
        if faulty.any():
            self._since_filled = 0
            values, unknown = self._last.fill(block, faulty)
            filled = faulty[:, self._features_of]
            rows = self.preparation.to_channels(values)
            rows = np.where(unknown[:, self._features_of], self._level, rows)
        else:
            self._last.note(block)
            self._since_filled += step
            rows = self.preparation.to_channels(block)
        if self._end + step > len(self._rows):
            kept = max(self.preparation.length - step, 0)
            self._rows[:kept] = self._rows[self._end - kept : self._end].copy()
            self._filled[:kept] = self._filled[self._end - kept : self._end].copy()
            self._places[:kept] = self._places[self._end - kept : self._end].copy()
            self._moving[:kept] = self._moving[self._end - kept : self._end].copy()
            self._end = kept
        self._rows[self._end : self._end + step] = rows
        self._filled[self._end : self._end + step] = faulty
        self._end += step
        if self.preparation.baseline is not None:
            if self._tracker is not None:
                filled = self._place(rows, filled)
            self._watch(rows)
            self._unlearned = (rows, filled)
            if self._blocks == 0:
                self._learn(held=False)

    def _place(self, rows: Array, filled: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        """Note at which points the newest readings are, and go on with the level of the last.

        Returns:
            Where they say nothing of that level.
        """
        assert self._tracker is not None
        newest = slice(self._end - len(rows), self._end)
        places, moving = self._tracker.place(rows)
        self._places[newest], self._moving[newest] = places, moving
        self._level, self._blocks = self._tracker.level.copy(), self._tracker.blocks
        left_out = self._tracker.left_out(places, moving)
        return left_out if filled is None else left_out | filled

    def _window(self) -> Window:
        length, features = self.preparation.length, self.preparation.features
        rows = self._rows[self._end - length : self._end]
        missing, usable = tuple[str, ...](), True
        if self._since_filled < length:
            shares = self._filled[self._end - length : self._end].mean(axis=0)
            missing = tuple(compress(features, shares > _MAX_FILLED))
            usable = bool(shares.mean() <= _MAX_FILLED)
        stuck = {features[self._features_of[channel]] for channel in constant_channels(rows)}
        constant = tuple(name for name in features if name in stuck and name not in missing)
        values = rows.copy()
        learning = blind = False
        if self.preparation.baseline is not None:
            values = self._departures(slice(self._end - length, self._end))
            learning = self._watched is not None
            blind = learning and not self._accepted
            if self._point is not None:
                values = values @ self._point.map
        return Window(
            first_seq=self._block_end - length,
            last_seq=self._block_end - 1,
            values=values[np.newaxis],
            missing=missing,
            constant=constant,
            usable=usable and not blind,
            learning=learning,
        )

    def continued(self, preparation: Preparation) -> WindowStream:
        """The stream of another model, from the next reading on.

        What is known of the device goes on where both models have the same channels: its newest
        readings, so that the next window is there when it would have been, and its baseline. A
        model with longer windows waits for the readings that are still lacking.
        """
        other = WindowStream(preparation)
        if self._next_seq is None:
            return other
        other.restart(self._block_end)
        other._next_seq = self._next_seq
        if preparation.features != self.preparation.features:
            other.restart(self._next_seq)
            return other
        other._backlog = self._backlog.copy()
        other._last.copy_from(self._last)
        if preparation.channels != self.preparation.channels:
            return other
        kept = min(self._end, len(other._rows) - preparation.step)
        other._rows[:kept] = self._rows[self._end - kept : self._end]
        other._filled[:kept] = self._filled[self._end - kept : self._end]
        other._end, other._since_filled = kept, self._since_filled
        new, old = preparation.baseline, self.preparation.baseline
        if new is not None and new.points is not None and kept and other._watched is not None:
            # what is known of the device is not thrown away: the newest readings count
            other._watch(other._rows[:kept])
        same = (
            self._tracker is not None
            and old is not None
            and new is not None
            and (old.known == new.known)
        )
        if other._tracker is not None and not same:
            if self._tracker is not None:
                other._tracker.adopt(self._tracker)
            other._find_place(kept)
            return other
        if other._tracker is not None and self._tracker is not None:
            other._tracker = self._tracker.copy()
            other._places[:kept] = self._places[self._end - kept : self._end]
            other._moving[:kept] = self._moving[self._end - kept : self._end]
        if new is not None and new.start is None and old is not None:
            other._level, other._blocks = self._level.copy(), self._blocks
            other._unlearned = self._unlearned
        elif new is not None and new.start is None and kept:
            other._level, other._blocks = other._rows[:kept].mean(axis=0), 1
        return other

    def _find_place(self, count: int) -> None:
        """Begin with the readings that there are already at the points that were learnt."""
        assert self._tracker is not None
        rows = self._rows[:count]
        places, moving = self._tracker.place(rows)
        self._places[:count], self._moving[:count] = places, moving
        here = (places == self._tracker.current) & ~moving
        self._level = self._tracker.level.copy()
        if here.any():
            self._level = rows[here].mean(axis=0)
            self._blocks = max(1, int(here.sum()) // self.preparation.step)
            self._keep_level(shared=False)

    def snapshot(self) -> dict[str, Any]:
        """Plain values from which :meth:`restore` goes on."""
        rows, filled = self._unlearned or (None, None)
        return {
            "preparation": self.preparation.to_json(),
            "next_seq": self._next_seq,
            "block_end": self._block_end,
            "blocks": self._blocks,
            "since_filled": self._since_filled,
            "pending": _encoded(self._backlog.joined()),
            "rows": encode_array(self._rows[: self._end]),
            "filled": encode_array(self._filled[: self._end]),
            "last": encode_array(self._last.values),
            "age": encode_array(self._last.ages),
            "level": encode_array(self._level),
            **self._baseline_state(),
            "unlearned": _encoded(rows),
            "unlearned_filled": _encoded(filled),
        }

    def _baseline_state(self) -> dict[str, Any]:
        """What a snapshot holds besides, of a baseline that can be held, or learns its point."""
        baseline, state = self.preparation.baseline, dict[str, Any]()
        if baseline is not None and baseline.hold is not None:
            state |= {
                "departed": encode_array(self._departed),
                "held_readings": self._held_readings,
                "is_fault": self._is_fault,
            }
        if baseline is not None and baseline.points is not None:
            watched, point = self._watched, self._point
            state |= {
                "accepted": self._accepted,
                "watched": None if watched is None else [encode_array(rows) for rows in watched],
                "point": None if point is None else encode_point(point),
            }
        if self._tracker is not None:
            state["known"] = {
                **self._tracker.snapshot(),
                "places": encode_array(self._places[: self._end]),
                "moving": encode_array(self._moving[: self._end]),
            }
        return state

    def _restore_baseline(self, state: dict[str, Any], channels: int) -> None:
        baseline = self.preparation.baseline
        if baseline is not None and baseline.hold is not None:
            self._departed = decode_array(state["departed"], np.bool_, (channels,))
            self._held_readings = int(state["held_readings"])
            self._is_fault = bool(state.get("is_fault"))  # former versions had none
        if baseline is not None and baseline.points is not None:
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
            self._tracker.restore(known)
            self._places[: self._end] = decode_array(known["places"], np.int64, (self._end,))
            self._moving[: self._end] = decode_array(known["moving"], np.bool_, (self._end,))

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot of a stream with the same preparation.

        Raises:
            ValueError: it is damaged, or another preparation's.
            KeyError: something is missing in it.
        """
        if state["preparation"] != self.preparation.to_json():
            raise ValueError("the snapshot is another preparation's")
        features, channels = len(self.preparation.features), len(self.preparation.channels)
        rows = decode_array(state["rows"], np.float64, (-1, channels))
        self._end = min(len(rows), len(self._rows))
        self._rows[: self._end] = rows
        self._filled[: self._end] = decode_array(state["filled"], np.bool_, (-1, features))
        self._backlog = Backlog()
        if (pending := state["pending"]) is not None:
            self._backlog.add(decode_array(pending, np.float64, (-1, features)))
        self._next_seq, self._block_end = state["next_seq"], int(state["block_end"])
        self._blocks = int(state["blocks"])
        self._since_filled = int(state["since_filled"])
        self._last.values = decode_array(state["last"], np.float64, (features,))
        self._last.ages = decode_array(state["age"], np.int64, (features,))
        self._level = decode_array(state["level"], np.float64, (channels,))
        self._restore_baseline(state, channels)
        self._unlearned = None
        if state["unlearned"] is not None:
            filled = state["unlearned_filled"]
            self._unlearned = (
                decode_array(state["unlearned"], np.float64, (-1, channels)),
                None if filled is None else decode_array(filled, np.bool_, (-1, channels)),
            )


def _encoded(values: npt.NDArray[Any] | None) -> Any:
    return None if values is None else encode_array(values)
