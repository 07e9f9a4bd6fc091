"""Figures of a version that answers: classes of times, and whether its answers have shifted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from lineal_schemas.serving import ServingFigures

_FIRST_MS, _GROWTH, _CLASSES = 0.1, 1.25, 64
MAX_SCORES = 1000
"""Kept of a version in a step of a rollout; further ones say little more."""


def latency_class(milliseconds: float) -> int:
    """The class of a time: ends grow by a quarter each from 0.1 ms."""
    if milliseconds <= _FIRST_MS:
        return 0
    return min(_CLASSES - 1, math.ceil(math.log(milliseconds / _FIRST_MS, _GROWTH)))


def latency_ms(counts: Sequence[int], share: float) -> float:
    """The upper end of the class that a share of all requests is not above; 0 without any."""
    wanted, seen = share * sum(counts), 0
    for place, count in enumerate(counts):
        seen += count
        if count and seen >= wanted:
            return _FIRST_MS * _GROWTH**place
    return 0.0


def added(one: ServingFigures, other: ServingFigures) -> ServingFigures:
    """Both together."""
    counts = zip_longest(one.latency_counts, other.latency_counts, fillvalue=0)
    return ServingFigures(
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
        latency_counts=tuple(a + b for a, b in counts),
        scores=(*one.scores, *other.scores)[-MAX_SCORES:],
        memory_grown_mb=max(one.memory_grown_mb, other.memory_grown_mb),
    )


def score_shift(one: Sequence[float], other: Sequence[float]) -> float:
    """By how much two samples differ: the largest distance of their distribution functions
    (Kolmogorov-Smirnov), less what chance alone exceeds once in a thousand times; 0 at least.

    Source of the limit: Smirnov's asymptotic, sqrt(-ln(0.0005) / 2) * sqrt((n + m) / (n m)).
    """
    n, m = len(one), len(other)
    if not n or not m:
        return 0.0
    left, right = sorted(one), sorted(other)
    apart, i, j = 0.0, 0, 0
    while i < n and j < m:
        at = min(left[i], right[j])
        while i < n and left[i] <= at:
            i += 1
        while j < m and right[j] <= at:
            j += 1
        apart = max(apart, abs(i / n - j / m))
    chance = math.sqrt(-math.log(0.0005) / 2) * math.sqrt((n + m) / (n * m))
    return max(0.0, apart - chance)
