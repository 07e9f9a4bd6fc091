"""Finds in readings the operating points between which a machine goes to and fro."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lineal_scoring.known_points import PointTracker
from lineal_scoring.preparation import Array, KnownPoints

_SHARE = 0.05
"""Of the readings, at least so many are at a point."""
_VALLEY = 0.03
"""Of the readings of a channel, at most so many lie in a tenth of its range between two levels."""
_APART = 6.0
"""Levels are so many deviations apart."""
_DEPENDS = 2.0
"""A channel's level depends on the point where it differs by so many deviations."""
_STAY = 20
"""Readings that a machine stays at a point in the mean, at least."""
_MOST = 12
_SMOOTH = 9
_LONGEST_WAY = 60

_Labels = npt.NDArray[np.int64]


def find_points(runs: Sequence[Array]) -> KnownPoints | None:
    """The points of runs (each readings × channels); None where there are not several, to which the
    machine comes back."""
    together = np.concatenate(runs)
    if len(together) < 10 * _STAY:
        return None
    smooth = np.concatenate([_running_median(run) for run in runs])
    of_channels = [
        labels
        for column in range(together.shape[1])
        if (labels := _levels(smooth[:, column], together[:, column])) is not None
    ]
    if not of_channels:
        return None
    labels = _combined(np.stack(of_channels, axis=1))
    count = int(labels.max()) + 1
    stays = [_stays(part) for part in np.split(labels, np.cumsum([len(run) for run in runs])[:-1])]
    changes = sum(len(some) - 1 for some in stays if some)
    comes_back = any(len(some) > len({place for place, _ in some}) for some in stays)
    if not 2 <= count <= _MOST or not comes_back:
        return None
    if (labels >= 0).sum() < _STAY * (changes + 1):
        return None
    centres = np.stack([np.median(together[labels == point], axis=0) for point in range(count)])
    at_points = labels >= 0
    scatter = together[at_points] - centres[labels[at_points]]
    differ = np.ptp(centres, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(scatter), axis=0), 0.01 * differ)
    switching = differ > _DEPENDS * spread
    way = max((way for some in stays for _, way in some[1:]), default=0)
    return KnownPoints(
        centres=tuple(tuple(np.round(row, 12).tolist()) for row in centres),
        spread=tuple(np.round(np.where(spread > 0, spread, 1.0), 12).tolist()),
        switching=tuple(switching.tolist()),
        transit=min(_LONGEST_WAY, 5 + way + way // 2),
    )


def without_points(known: KnownPoints | None, runs: Sequence[Array]) -> Sequence[Array]:
    """Runs as if the machine had been at one point all the time: for statistics."""
    if known is None:
        return runs
    found = []
    for run in runs:
        tracker = PointTracker(known, 1)
        centre = np.mean(tracker.levels, axis=0)
        departures = tracker.departures(run, *tracker.place(run))
        found.append(np.where(tracker.switching, departures + centre, run))
    return found


def _levels(smooth: Array, values: Array) -> _Labels | None:
    """Per reading of a channel, which of several levels it is at, or -1; None where there is one.

    Args:
        smooth: the same without noise, as far as that can be.
    """
    parts = _split(np.sort(smooth), len(smooth))
    if len(parts) < 2:
        return None
    middles = np.array([np.median(part) for part in parts])
    nearest = np.abs(smooth[:, np.newaxis] - middles).argmin(axis=1)
    # of what is coarse, or flickers between values, the scatter about the smooth values
    deviations = [float(np.sqrt(np.mean((values - smooth) ** 2)))]
    for level, middle in enumerate(middles):
        deviations.append(1.4826 * float(np.median(np.abs(values[nearest == level] - middle))))
    scatter = max(deviations)
    if (np.diff(middles) <= _APART * scatter).any():
        return None
    # between two levels, but at least near enough to one for noise and slow changes
    limits = np.maximum(4 * scatter, 0.1 * np.diff(middles).min())
    return np.where(np.abs(smooth - middles[nearest]) <= limits, nearest, -1)


def _split(ordered: Array, total: int) -> list[Array]:
    """Sorted values, divided where there are hardly any."""
    least = int(_SHARE * total)
    if len(ordered) < 2 * least or least < 2:
        return [ordered]
    low, high = np.quantile(ordered, (0.01, 0.99))
    if high <= low:
        return [ordered]
    begins = np.linspace(low, high - 0.1 * (high - low), 91)
    first = np.searchsorted(ordered, begins)
    last = np.searchsorted(ordered, begins + 0.1 * (high - low), side="right")
    fits = (first >= least) & (len(ordered) - last >= least)
    if not fits.any():
        return [ordered]
    between = np.where(fits, last - first, total)
    emptiest = np.flatnonzero(between == between.min())
    place = emptiest[len(emptiest) // 2]
    if between[place] > _VALLEY * len(ordered):
        return [ordered]
    cut = (first[place] + last[place]) // 2
    return _split(ordered[:cut], total) + _split(ordered[cut:], total)


def _combined(of_channels: _Labels) -> _Labels:
    """Per reading the point that the levels of all channels are together, or -1."""
    kinds, places, counts = np.unique(of_channels, axis=0, return_inverse=True, return_counts=True)
    numbers = np.full(len(kinds), -1)
    is_point = (kinds >= 0).all(axis=1) & (counts >= _SHARE * len(of_channels))
    numbers[is_point] = np.arange(is_point.sum())
    found: _Labels = numbers[places.ravel()]
    return found


def _stays(labels: _Labels) -> list[tuple[int, int]]:
    """The points where a run was, one after the other, and how many readings it was on its way
    there."""
    stays: list[tuple[int, int]] = []
    way = 0
    for label in labels.tolist():
        if label < 0:
            way += 1
            continue
        if not stays or stays[-1][0] != label:
            stays.append((label, way))
        way = 0
    return stays


def _running_median(rows: Array) -> Array:
    if len(rows) < _SMOOTH:
        return rows
    padded = np.pad(rows, ((_SMOOTH // 2, _SMOOTH // 2), (0, 0)), mode="edge")
    median: Array = np.median(
        np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH, axis=0), axis=-1
    )
    return median
