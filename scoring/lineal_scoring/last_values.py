"""A sensor's last value in the place of one that is missing, for a while."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lineal_scoring.preparation import Array

_LARGEST = 1e15
"""A finite value beyond it is a fault of the sensor too; its square still fits a float32."""


def is_missing(values: Array) -> npt.NDArray[np.bool_]:
    """Where there is no value that a sensor can mean: NaN, infinite, or beyond 1e15."""
    return ~(np.abs(values) <= _LARGEST)


class LastValues:
    """The last value of each feature, and how many readings ago it came.

    Args:
        features: how many there are.
        patience: for so many readings a last value stands in for what is missing.
    """

    def __init__(self, features: int, patience: int) -> None:
        self.values: Array = np.full(features, np.nan)
        """NaN: there never was one."""
        self.ages: npt.NDArray[np.int64] = np.zeros(features, dtype=np.int64)
        self._patience = patience

    def expire(self) -> None:
        """Readings are missing in between: none stands in for what comes next."""
        self.ages[:] = self._patience

    def note(self, block: Array) -> None:
        """Note readings of which none is missing, rows × features."""
        self.values = block[-1].copy()
        self.ages[:] = 0

    def fill(
        self, block: Array, missing: npt.NDArray[np.bool_]
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Readings with last values in the place of missing ones, and where these are too old: 0 is
        there."""
        filled = np.empty_like(block)
        unknown = np.empty_like(missing)
        for row in range(len(block)):
            self.ages = np.where(missing[row], self.ages + 1, 0)
            self.values = np.where(missing[row], self.values, block[row])
            unknown[row] = (self.ages > self._patience) | np.isnan(self.values)
            filled[row] = np.where(unknown[row], 0.0, self.values)
        return filled, unknown

    def copy_from(self, other: LastValues) -> None:
        """Take over what another one has."""
        self.values, self.ages = other.values.copy(), other.ages.copy()
