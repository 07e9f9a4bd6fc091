"""Cuts runs of readings into windows, by the code that scores them later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lineal_consumers.retrain.finding_points import find_points, without_points
from lineal_consumers.retrain.settings import TrainingSettings
from lineal_scoring.operating_point import follow_shares, moving_average, wander
from lineal_scoring.preparation import Baseline, Hold, Preparation
from lineal_scoring.windows import WindowStream

Array = npt.NDArray[np.float64]
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
    channels = [plain.to_channels(filled(run)) for run in runs]
    together = np.concatenate(channels)
    baseline = None
    if settings.baseline_span is not None:
        known = None if settings.hold is None else find_points(channels)
        at_one_point = without_points(known, channels)
        follow = follow_shares(wander([*at_one_point], settings.settling), settings.wander_gate)
        baseline = Baseline(
            span=settings.baseline_span,
            follow=tuple(follow.tolist()),
            hold=_hold(settings, at_one_point),
            known=known,
        )
    return Preparation(
        features=settings.features,
        length=settings.length,
        step=settings.step,
        angles=settings.angles,
        neutral=tuple(together.mean(axis=0).tolist()),
        baseline=baseline,
    )


def _hold(settings: TrainingSettings, channels: Sequence[Array]) -> Hold | None:
    if settings.hold is None or settings.baseline_span is None:
        return None
    fast, slow, settling = settings.denoise_span, settings.baseline_span, settings.settling
    departures = [moving_average(rows, fast) - moving_average(rows, slow) for rows in channels]
    squares = [rows[settling:] ** 2 for rows in departures]
    departure = np.sqrt(np.concatenate(squares).mean(axis=0))
    return Hold(
        departure=tuple(np.round(np.where(departure > 0, departure, 1.0), 12).tolist()),
        span=settings.denoise_span,
        above=settings.hold.above,
        onset=settings.hold.onset,
        accept_after=settings.hold.accept_after,
    )


def filled(run: Array) -> Array:
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
