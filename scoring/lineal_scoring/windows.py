"""Sliding windows over one device's readings, in bounded memory."""

from __future__ import annotations

from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from lineal_scoring.backlog import Backlog
from lineal_scoring.device_baseline import DeviceBaseline
from lineal_scoring.encoded_array import decode_array, encode_array, encode_optional
from lineal_scoring.last_values import LastValues, is_missing
from lineal_scoring.preparation import Array, Preparation
from lineal_scoring.recent_rows import RecentRows
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
        self._features_of = np.array(preparation.channel_features)
        self._recent = RecentRows(preparation)
        self._baseline = DeviceBaseline(preparation, self._recent)
        self._since_filled = 0
        """Readings since the last block in which something was filled in."""
        self._backlog = Backlog()
        self._next_seq: int | None = None
        self._block_end = 0
        self._last = LastValues(len(preparation.features), preparation.patience)

    @property
    def level(self) -> Array:
        """The baseline (or the training mean) per channel; do not change it."""
        return self._baseline.level

    @property
    def next_seq(self) -> int | None:
        """The reading that comes next; None before the first."""
        return self._next_seq

    @property
    def held_back(self) -> int:
        """Readings pushed that wait for their step to be complete."""
        return self._backlog.readings

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
        self._recent.end = 0
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
            self._baseline.learn(held=held)
            block = self._backlog.take(step)
            self._block_end += step
            self._advance(block)
            if self._recent.end >= self.preparation.length:
                return self._window()
        return None

    def accept(self) -> None:
        """Take the present state for normal: see :meth:`DeviceBaseline.accept`."""
        self._baseline.accept()

    def hold(self) -> None:
        """A person calls the open anomaly a fault: a state that lasts is no normal one."""
        self._baseline.call_fault()

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
        other._recent.take_over(self._recent)
        other._since_filled = self._since_filled
        other._baseline.take_over(self._baseline)
        return other

    def snapshot(self) -> dict[str, Any]:
        """Plain values from which :meth:`restore` goes on."""
        end = self._recent.end
        return {
            "preparation": self.preparation.to_json(),
            "next_seq": self._next_seq,
            "block_end": self._block_end,
            "since_filled": self._since_filled,
            "pending": encode_optional(self._backlog.joined()),
            "rows": encode_array(self._recent.values[:end]),
            "filled": encode_array(self._recent.missing[:end]),
            "last": encode_array(self._last.values),
            "age": encode_array(self._last.ages),
            **self._baseline.snapshot(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot of a stream with the same preparation.

        Raises:
            ValueError: it is damaged, or another preparation's.
            KeyError: something is missing in it.
        """
        if state["preparation"] != self.preparation.to_json():
            raise ValueError("the snapshot is another preparation's")
        features = len(self.preparation.features)
        self._recent.restore(state["rows"], state["filled"])
        self._backlog = Backlog()
        if (pending := state["pending"]) is not None:
            self._backlog.add(decode_array(pending, np.float64, (-1, features)))
        self._next_seq, self._block_end = state["next_seq"], int(state["block_end"])
        self._since_filled = int(state["since_filled"])
        self._last.values = decode_array(state["last"], np.float64, (features,))
        self._last.ages = decode_array(state["age"], np.int64, (features,))
        self._baseline.restore(state)

    def _advance(self, block: Array) -> None:
        """Clean a block and put it behind the rows."""
        faulty = is_missing(block)
        filled: npt.NDArray[np.bool_] | None = None
        if faulty.any():
            self._since_filled = 0
            values, unknown = self._last.fill(block, faulty)
            filled = faulty[:, self._features_of]
            rows = self.preparation.to_channels(values)
            rows = np.where(unknown[:, self._features_of], self.level, rows)
        else:
            self._last.note(block)
            self._since_filled += len(block)
            rows = self.preparation.to_channels(block)
        self._recent.append(rows, faulty)
        self._baseline.add(rows, filled)

    def _window(self) -> Window:
        length, features = self.preparation.length, self.preparation.features
        newest = self._recent.newest(length)
        missing, usable = tuple[str, ...](), True
        if self._since_filled < length:
            shares = self._recent.missing[newest].mean(axis=0)
            missing = tuple(compress(features, shares > _MAX_FILLED))
            usable = bool(shares.mean() <= _MAX_FILLED)
        still = constant_channels(self._recent.values[newest])
        stuck = {features[self._features_of[channel]] for channel in still}
        constant = tuple(name for name in features if name in stuck and name not in missing)
        return Window(
            first_seq=self._block_end - length,
            last_seq=self._block_end - 1,
            values=self._baseline.model_input(newest)[np.newaxis],
            missing=missing,
            constant=constant,
            usable=usable and self._baseline.is_usable,
            learning=self._baseline.is_learning,
        )
