"""Perturbs normal readings, to measure how much of it a model finds.

Real faults are rare and unlabelled, and a model that never alarms has no false alarms. So every
challenger has to find, in the same places of the same readings, sensors that are stuck, shifted or
noisy. Nothing here is drawn by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_MAX_PLACES = 4
_SHIFT = 4.0
_NOISE = 3.0


def perturb(
    runs: Sequence[Array], features: Sequence[str], length: int
) -> Iterator[tuple[Array, int]]:
    """Runs with one disturbance each, and the reading it begins at.

    Args:
        runs: normal readings, readings × features.
        length: of a window; a disturbance follows three windows of normal readings and lasts three.
    """
    together = np.concatenate(runs)
    spread = np.nanstd(together, axis=0)
    places = [
        run[begin : begin + 6 * length]
        for run in runs
        for begin in range(0, len(run) - 6 * length + 1, 6 * length)
    ]
    picked = np.linspace(0, len(places) - 1, min(len(places), _MAX_PLACES)).astype(int)
    begin = 3 * length
    for place in picked:
        for column in range(len(features)):
            if not spread[column] > 0:
                continue
            for change in (_stuck, _shifted, _noisy):
                run = places[place].copy()
                run[begin:, column] = change(run[begin:, column], float(spread[column]))
                yield run, begin


def _stuck(values: Array, spread: float) -> Array:
    return np.full_like(values, values[0])


def _shifted(values: Array, spread: float) -> Array:
    return values + _SHIFT * spread


def _noisy(values: Array, spread: float) -> Array:
    # A fixed alternation stands for noise: the same for everybody, on every machine.
    return values + _NOISE * spread * np.where(np.arange(len(values)) % 2, 1.0, -1.0)
