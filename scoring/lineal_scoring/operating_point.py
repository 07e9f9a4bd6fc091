"""What is normal where a machine runs now, learnt from its own first readings there.

A pump at another flow has other levels, another noise and other correlations than on the day its
model was learnt: compared with that day all of it is an anomaly. So a device that begins elsewhere
than the training is watched for a while first. From these readings follow, by the same formulas as
in the training, how large departures are here and what counts as one; a linear map brings them to
where the model's graph, its threshold and its contributions mean the same as ever.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from lineal_scoring.encoded_array import decode_array, encode_array
from lineal_scoring.preparation import Array, PointRules

_WANDER_SPAN = 30
_TREND_SPAN = 600


@dataclass(frozen=True)
class OperatingPoint:
    """How a device departs from its levels where it runs now."""

    map: Array
    """Channels × channels: departures here, as the model knows them."""
    follow: Array
    """Per channel, see :class:`lineal_scoring.preparation.Baseline`."""
    departure: Array
    """Per channel, see :class:`lineal_scoring.preparation.Hold`."""


def is_known(rules: PointRules, rows: Array) -> bool:
    """Whether readings (rows × channels) are of the point at which the model was learnt."""
    away = np.abs(np.median(rows, axis=0) - np.array(rules.centre))
    return bool((away <= rules.reach * np.array(rules.spread)).all())


def learn_point(rules: PointRules, rows: Array, span: int) -> OperatingPoint:
    """Learn from readings (rows × channels) that are taken for normal.

    Args:
        span: of the baseline, in readings.
    """
    settled = slice(rules.settling, None)
    noise_free = moving_average(rows, rules.denoise_span)
    departures = (noise_free - moving_average(rows, span))[settled]
    size = np.sqrt((departures**2).mean(axis=0))
    scale = np.where(size > 0, size, 1.0)
    scaled = departures / scale
    root = combined_index(scaled.T @ scaled / len(scaled), rules.shrinkage, rules.explained)[0]
    scores = np.sqrt(((scaled @ root) ** 2).mean(axis=1))
    threshold = rules.margin * chi2_tail(scores, rules.false_alarm_rate)
    to_model = np.array(rules.space).reshape(len(scale), len(scale))
    return OperatingPoint(
        map=root / scale[:, np.newaxis] / threshold @ to_model,
        follow=follow_shares(wander([rows], rules.settling), rules.wander_gate),
        departure=scale,
    )


def combined_index(covariance: Array, shrinkage: float, explained: float) -> tuple[Array, int]:
    """The symmetric matrix whose product with scaled values has T² + Q / theta as its squared
    length (Yue and Qin 2001), and how many components are kept.

    Args:
        covariance: of the scaled values.
        shrinkage: share of the identity in it.
        explained: share of the variance that the kept components hold.
    """
    size = len(covariance)
    variances, vectors = np.linalg.eigh((1 - shrinkage) * covariance + shrinkage * np.eye(size))
    order = np.argsort(variances)[::-1]
    # a floor for what never moved in training, where without shrinkage any movement is infinite
    variances = np.maximum(variances[order], 1e-6)
    vectors = vectors[:, order]
    shares = np.cumsum(variances) / variances.sum()
    kept = min(int(np.searchsorted(shares, explained) + 1), size)
    inside, outside = vectors[:, :kept], vectors[:, kept:]
    root: Array = inside / np.sqrt(variances[:kept]) @ inside.T
    if kept < size:
        root = root + outside @ outside.T / np.sqrt(variances[kept:].mean())
    return root, kept


def chi2_tail(scores: Array, rate: float) -> float:
    """The score that a normal window exceeds with probability ``rate``, if squared scores are
    scaled chi-squared: mean and variance tell scale and degrees of freedom, their quantile is
    Wilson and Hilferty's (1931)."""
    squares = scores**2
    mean, variance = float(squares.mean()), float(squares.var())
    if variance <= 0:
        return float(scores.max()) * (1 + 1e-6) or 1.0
    freedom = 2 * mean**2 / variance
    part = 2 / (9 * freedom)
    normal = NormalDist().inv_cdf(1 - rate)
    quantile = freedom * max(1 - part + normal * math.sqrt(part), 0.0) ** 3
    return math.sqrt(variance / (2 * mean) * quantile)


def wander(runs: list[Array], settling: int) -> Array:
    """Per channel, slow movement over noise: the standard deviation of an exponential moving
    average (span 30) over that of the readings about it. White noise has 0.18. Of runs of more than
    1,200 readings, the movement about their own average of span 600.

    Raises:
        ValueError: no run is longer than ``settling``.
    """
    slow, fast = [], []
    for rows in runs:
        if len(rows) <= settling:
            continue
        average = moving_average(rows, _WANDER_SPAN)
        # What is slower than an anomaly may last is no wandering, where it is known: a trend and a
        # slow start would have the level follow faults as well.
        trend = moving_average(rows, _TREND_SPAN) if len(rows) >= 2 * _TREND_SPAN else 0.0
        slow.append((average - trend)[settling:])
        fast.append((rows - average)[settling:])
    if not fast:
        raise ValueError("runs this short are not enough to learn from")
    noise = np.concatenate(fast).std(axis=0)
    moved = np.sqrt(np.mean([part.var(axis=0) for part in slow], axis=0))
    ratio: Array = np.where(noise > 0, moved / np.where(noise > 0, noise, 1.0), 0.0)
    return np.minimum(ratio, 1e3)


def follow_shares(wandering: Array, gate: float) -> Array:
    """Per channel, how far a level goes on following during an anomaly: those that wander do."""
    ratio = (wandering / gate) ** 8
    shares: Array = np.round(ratio / (1 + ratio), 6)
    return shares


def moving_average(rows: Array, span: int) -> Array:
    """Exponential, beginning as the plain mean of what there is."""
    average = np.empty_like(rows)
    average[0] = rows[0]
    for row in range(1, len(rows)):
        weight = max(2.0 / (span + 1), 1.0 / (row + 1))
        average[row] = average[row - 1] + weight * (rows[row] - average[row - 1])
    return average


def encode_point(point: OperatingPoint) -> list[Any]:
    """Plain values from which :func:`decode_point` makes it again."""
    return [*map(encode_array, astuple(point))]


def decode_point(encoded: Sequence[Any], channels: int) -> OperatingPoint:
    """A point of so many channels.

    Raises:
        ValueError: it is damaged, or of others.
    """
    shapes = (channels, channels), (channels,), (channels,)
    parts = zip(encoded, shapes, strict=True)
    return OperatingPoint(*(decode_array(part, np.float64, shape) for part, shape in parts))
