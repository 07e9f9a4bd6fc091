"""Cuts runs of readings into windows, by the code that scores them later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lineal_consumers.retrain.settings import TrainingSettings
from lineal_scoring.preparation import Baseline, Preparation
from lineal_scoring.windows import WindowStream

Array = npt.NDArray[np.float64]
_WANDER_SPAN = 30
_WANDER_STEEPNESS = 8
_CHUNK = 1024


def preparation_of(settings: TrainingSettings, runs: Sequence[Array]) -> Preparation:
    """The recipe for the windows, with what of it is learnt from the training runs.

    Args:
        runs: each readings × features, consecutive readings of one device.

    Raises:
        ValueError: there are no runs, or none is long enough for a baseline to settle.
    """
    if not runs:
        raise ValueError("no readings to learn from")
    plain = Preparation(
        features=settings.features,
        length=settings.length,
        step=settings.step,
        angles=settings.angles,
    )
    channels = [plain.to_channels(_filled(run)) for run in runs]
    together = np.concatenate(channels)
    baseline = None
    if settings.baseline_span is not None:
        ratio = wander(channels, settings.settling) / settings.wander_gate
        follow = ratio**_WANDER_STEEPNESS / (1 + ratio**_WANDER_STEEPNESS)
        baseline = Baseline(span=settings.baseline_span, follow=tuple(np.round(follow, 6).tolist()))
    return Preparation(
        features=settings.features,
        length=settings.length,
        step=settings.step,
        angles=settings.angles,
        neutral=tuple(together.mean(axis=0).tolist()),
        baseline=baseline,
    )


def wander(channels: Sequence[Array], settling: int) -> Array:
    """Per channel, slow movement over noise: the standard deviation of an exponential moving
    average (span 30) over that of the readings about it. White noise has 0.18.

    Raises:
        ValueError: no run is longer than ``settling``.
    """
    slow, fast = [], []
    for rows in channels:
        if len(rows) <= settling:
            continue
        average = _moving_average(rows, _WANDER_SPAN)
        slow.append(average[settling:])
        fast.append((rows - average)[settling:])
    if not fast:
        raise ValueError("runs this short are not enough to learn from")
    noise = np.concatenate(fast).std(axis=0)
    moved = np.sqrt(np.mean([part.var(axis=0) for part in slow], axis=0))
    ratio: Array = np.where(noise > 0, moved / np.where(noise > 0, noise, 1.0), 0.0)
    return np.minimum(ratio, 1e3)


def _moving_average(rows: Array, span: int) -> Array:
    """Exponential, beginning as the plain mean of what there is."""
    average = np.empty_like(rows)
    average[0] = rows[0]
    for row in range(1, len(rows)):
        weight = max(2.0 / (span + 1), 1.0 / (row + 1))
        average[row] = average[row - 1] + weight * (rows[row] - average[row - 1])
    return average


def _filled(run: Array) -> Array:
    """Missing values as the last one before (or the first after), for statistics only."""
    run = np.where(np.abs(run) <= 1e15, run, np.nan)
    for column in run.T:
        present = np.flatnonzero(~np.isnan(column))
        if not len(present):
            column[:] = 0.0
            continue
        last = np.maximum.accumulate(np.where(np.isnan(column), -1, np.arange(len(column))))
        column[:] = column[np.where(last < 0, present[0], last)]
    return run


def windows_of(
    preparation: Preparation, runs: Sequence[Array], settling: int = 0
) -> tuple[Array, npt.NDArray[np.int64]]:
    """All usable windows of runs of normal readings.

    Args:
        preparation: the recipe.
        runs: each readings × features, consecutive readings of one device.
        settling: windows that end before this reading of their run are left out.

    Returns:
        The windows (count × length × channels), and for each the index of its last reading in its
        run.
    """
    windows: list[Array] = []
    ends: list[int] = []
    for run in runs:
        stream = WindowStream(preparation)
        for begin in range(0, len(run), _CHUNK):
            stream.push(run[begin : begin + _CHUNK], begin)
            while (window := stream.take(held=False)) is not None:
                if window.usable and window.last_seq >= settling:
                    windows.append(window.values[0])
                    ends.append(window.last_seq)
    if not windows:
        return np.empty((0, preparation.length, len(preparation.channels))), np.empty(0, np.int64)
    return np.stack(windows), np.array(ends)
