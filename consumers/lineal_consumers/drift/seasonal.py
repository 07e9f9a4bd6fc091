"""Tells a lasting change from a season, by the same time of the day (or week) before.

Of each device the means of every hour are kept for some cycles. The newest six hours together, and
the newest day, are compared with the same hours of the cycles before; how much such differences
vary is learnt from the device itself, so that weather which differs from day to day is no drift,
and a cycle never is. Six hours find a change soon; a day finds one that is hidden by cycles which
are larger on some days than on others.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Season = Literal["daily", "weekly"]

HOUR_US = 3_600_000_000
_HOURS = {"daily": 24, "weekly": 168}
_CYCLES = {"daily": 14, "weekly": 6}
_SPANS = (6, 24)
"""Hours that are compared at a time: what a change takes to be found."""
TOGETHER_US = _SPANS[0] * HOUR_US
_MIN_CYCLES = 2
_MIN_READINGS = 10
"""Of an hour, to count as one."""
_DIFFERENCES = 14 * 24
_MIN_DIFFERENCES = 24
_NORMAL_MAD = 1.4826


@dataclass
class Hour:
    """Sums over the readings of an hour, feature by feature."""

    number: int
    """Hours since the Unix epoch."""
    counts: list[float]
    sums: list[float]
    squares: list[float]


@dataclass(frozen=True)
class Shift:
    """The newest hours beside the same hours of earlier cycles, feature by feature."""

    before: tuple[float, ...]
    now: tuple[float, ...]
    sizes: tuple[float, ...]
    """Of the difference, in standard deviations of the readings within an hour."""
    lasting: tuple[bool, ...]
    """Whether it is more than such differences vary, and large enough to matter."""
    readings: int
    from_us: int
    to_us: int


@dataclass
class SeasonalProfile:
    """What is known of a device's hours; plain values, so that it can be stored as JSON."""

    season: Season
    features: list[str]
    hours: list[Hour] = field(default_factory=list)
    """Complete ones, in order; the last may still be filled."""
    differences: list[list[float]] = field(default_factory=list)
    """Earlier comparisons of six hours, each a difference per feature."""
    day_differences: list[list[float]] = field(default_factory=list)
    """And of a day."""
    spacing_us: int = 0
    """Readings that follow sooner than this are left out: they would say the same."""
    newest_us: int = 0

    def add(self, wall_us: int, row: Sequence[float | None]) -> bool:
        """Add a reading; returns whether an hour is complete by it. Readings of hours before the
        last are left out: the clock was set back, or they were late."""
        if self.newest_us <= wall_us < self.newest_us + self.spacing_us:
            return False
        self.newest_us = wall_us
        number = wall_us // HOUR_US
        completed = False
        if not self.hours or number > self.hours[-1].number:
            completed = bool(self.hours)
            size = len(self.features)
            self.hours.append(Hour(number, [0.0] * size, [0.0] * size, [0.0] * size))
            most = _HOURS[self.season] * _CYCLES[self.season]
            self.hours = [hour for hour in self.hours if hour.number > number - most]
        elif number < self.hours[-1].number:
            return False
        hour = self.hours[-1]
        for place, value in enumerate(row):
            if value is not None and np.isfinite(value):
                hour.counts[place] += 1
                hour.sums[place] += value
                hour.squares[place] += value * value
        return completed

    def compare(self, threshold: float = 4.5, min_shift: float = 0.5) -> Shift | None:
        """The newest complete hours against the cycles before; None while the season is learnt.

        Call it once for each hour that is complete: what differences there were is how one is
        known that is unusual.

        Args:
            threshold: of the difference, in what such differences vary; more while few days of
                them are known, since days differ more than the hours of one.
            min_shift: of the difference, in standard deviations within an hour.
        """
        complete = self.hours[:-1]
        if len(complete) < _SPANS[0]:
            return None
        means = _means(complete)
        found = None
        for span, differences in zip(_SPANS, (self.differences, self.day_differences), strict=True):
            shift = self._compare(complete[-span:], means, span, differences, threshold, min_shift)
            found = found or shift
            if shift is not None and any(shift.lasting):
                return shift
        return found

    def _compare(
        self,
        newest: Sequence[Hour],
        means: _Means,
        span: int,
        differences: list[list[float]],
        threshold: float,
        min_shift: float,
    ) -> Shift | None:
        cycles = _CYCLES[self.season]
        same = np.full((cycles, len(newest), len(self.features)), np.nan)
        for place, hour in enumerate(newest):
            numbers = [hour.number - (cycle + 1) * _HOURS[self.season] for cycle in range(cycles)]
            known = [cycle for cycle, number in enumerate(numbers) if number in means.rows]
            if len(known) < _MIN_CYCLES:
                return None
            same[known, place] = means.values[[means.rows[numbers[cycle]] for cycle in known]]
        if len(newest) < span:
            return None
        now = means.values[len(means.values) - span :]
        before = _median(same)
        present, past = _average(now), _average(before)
        difference = present - past
        noise = _average([_deviation(hour) for hour in newest])
        usual = _usual_difference(differences, noise)
        days = len(differences) / 24
        differences.append([float(value) for value in np.nan_to_num(difference)])
        del differences[:-_DIFFERENCES]
        if usual is None:
            return None
        away = np.abs(difference)
        limit = threshold * (1 + 1 / days) * usual
        lasting = (away > limit) & (away >= min_shift * noise)
        sizes = away / np.where(noise > 0, noise, 1.0)
        return Shift(
            before=tuple(np.nan_to_num(past).tolist()),
            now=tuple(np.nan_to_num(present).tolist()),
            sizes=tuple(np.nan_to_num(sizes).tolist()),
            lasting=tuple(bool(value) for value in lasting),
            readings=int(sum(max(hour.counts, default=0.0) for hour in newest)),
            from_us=newest[0].number * HOUR_US,
            to_us=(newest[-1].number + 1) * HOUR_US,
        )

    def begin_anew(self) -> None:
        """What was before is not compared with any more: the change is known."""
        self.hours = self.hours[-_SPANS[0] - 1 :]
        self.differences, self.day_differences = [], []


def _usual_difference(earlier: Sequence[Sequence[float]], noise: Array) -> Array | None:
    """How much such differences vary; None where too few are known."""
    if len(earlier) < _MIN_DIFFERENCES:
        return None
    differences = np.array(earlier)
    centre = np.median(differences, axis=0)
    away = np.abs(differences - centre)
    # The quantile has its say where some hours or days differ more than most: middays do.
    spread: Array = np.maximum(
        _NORMAL_MAD * np.median(away, axis=0), np.quantile(away, 0.95, axis=0) / 1.96
    )
    # never less than a fiftieth of what readings vary by: a device may be very regular
    usual: Array = np.maximum(spread + np.abs(centre) / 6, 0.02 * noise)
    return usual


class _Means(NamedTuple):
    """The mean of every hour, NaN where too little is known of it."""

    rows: dict[int, int]
    """By the number of an hour, its row."""
    values: Array


def _means(hours: Sequence[Hour]) -> _Means:
    counts = np.array([hour.counts for hour in hours])
    sums = np.array([hour.sums for hour in hours])
    values = np.where(counts >= _MIN_READINGS, sums / np.maximum(counts, 1), np.nan)
    return _Means({hour.number: row for row, hour in enumerate(hours)}, values)


def _deviation(hour: Hour) -> Array:
    counts = np.maximum(np.array(hour.counts), 1)
    mean = np.array(hour.sums) / counts
    deviation: Array = np.sqrt(np.maximum(np.array(hour.squares) / counts - mean**2, 0.0))
    return deviation


def _median(rows: Array) -> Array:
    """Over the first axis, of those that are there; NaN where none is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of features that nothing is known of
        median: Array = np.nanmedian(rows, axis=0)
    return median


def _average(rows: Sequence[Array] | Array) -> Array:
    together = np.array(rows)
    known = np.isfinite(together)
    sums = np.where(known, together, 0.0).sum(axis=0)
    counts = known.sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
