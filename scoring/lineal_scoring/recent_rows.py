"""The newest readings of one device, cleaned, in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lineal_scoring.encoded_array import decode_array
from lineal_scoring.preparation import Array, Preparation


class RecentRows:
    """As many readings as a window needs, and some more so that they are seldom moved."""

    def __init__(self, preparation: Preparation) -> None:
        self._length, self._step = preparation.length, preparation.step
        capacity = preparation.length + 4 * preparation.step
        self.values: Array = np.empty((capacity, len(preparation.channels)))
        """Readings × channels."""
        self.missing: npt.NDArray[np.bool_] = np.empty(
            (capacity, len(preparation.features)), dtype=bool
        )
        """Readings × features: what was filled in."""
        self.places: npt.NDArray[np.int64] = np.zeros(capacity, dtype=np.int64)
        """Per reading, at which of several operating points it was taken."""
        self.moving: npt.NDArray[np.bool_] = np.zeros(capacity, dtype=bool)
        """Per reading, whether it was taken on the way from one to another."""
        self.end = 0
        """Readings that there are; what is behind them is none."""

    def newest(self, readings: int) -> slice:
        """The last so many readings, or as many as there are."""
        return slice(max(self.end - readings, 0), self.end)

    def append(self, values: Array, missing: npt.NDArray[np.bool_]) -> None:
        """Put a step of readings behind the others; the oldest go where there is no room."""
        step = len(values)
        if self.end + step > len(self.values):
            kept = max(self._length - step, 0)
            for rows in (self.values, self.missing, self.places, self.moving):
                rows[:kept] = rows[self.end - kept : self.end].copy()
            self.end = kept
        self.values[self.end : self.end + step] = values
        self.missing[self.end : self.end + step] = missing
        self.end += step

    def take_over(self, other: RecentRows) -> None:
        """Begin with the newest of another one with the same channels."""
        kept = min(other.end, len(self.values) - self._step)
        for name in ("values", "missing", "places", "moving"):
            getattr(self, name)[:kept] = getattr(other, name)[other.end - kept : other.end]
        self.end = kept

    def restore(self, values: str, missing: str) -> None:
        """Begin with encoded ones.

        Raises:
            ValueError: they are damaged, or another preparation's.
        """
        rows = decode_array(values, np.float64, (-1, self.values.shape[1]))
        self.end = min(len(rows), len(self.values))
        self.values[: self.end] = rows
        self.missing[: self.end] = decode_array(missing, np.bool_, (-1, self.missing.shape[1]))
