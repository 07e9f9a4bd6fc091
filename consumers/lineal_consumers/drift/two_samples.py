"""The two-sample tests of a feature: Kolmogorov-Smirnov, and the population stability index."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_TERMS = 100


def kolmogorov_smirnov(reference: Array, current: Array) -> tuple[float, float]:
    """The two-sample test: largest distance of the distribution functions, and its p-value.

    The p-value is the asymptotic one with Stephens' correction for small samples (Numerical
    Recipes, 3rd edition, 14.3.3), within a few per cent of the exact one from 20 values a side.
    It holds for independent values; readings that follow each other closely are not (thin them).

    Raises:
        ValueError: a sample is empty.
    """
    if not len(reference) or not len(current):
        raise ValueError("both samples need values")
    first, second = np.sort(reference), np.sort(current)
    everything = np.concatenate([first, second])
    below_first = np.searchsorted(first, everything, side="right") / len(first)
    below_second = np.searchsorted(second, everything, side="right") / len(second)
    statistic = float(np.abs(below_first - below_second).max())
    effective = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    return statistic, _survival((effective + 0.12 + 0.11 / effective) * statistic)


def _survival(x: float) -> float:
    """Of the Kolmogorov distribution: 2 Σ (-1)^(k-1) exp(-2 k² x²)."""
    if x < 0.2:  # the series does not converge there; the value is 1 to 12 digits
        return 1.0
    total = 0.0
    for k in range(1, _TERMS):
        term = math.exp(-2.0 * k * k * x * x)
        total += term if k % 2 else -term
        if term < 1e-16:
            break
    return min(1.0, max(0.0, 2.0 * total))


def population_stability_index(reference: Array, current: Array, bins: int = 10) -> float:
    """Σ (q - p) ln(q / p) over the reference's quantile bins; 0 when alike.

    For the record only: the customary limits of 0.1 and 0.2 miss a shift by a quarter of a standard
    deviation in 500 values, which the test above finds. Empty bins count as half a value.

    Raises:
        ValueError: a sample is empty.
    """
    if not len(reference) or not len(current):
        raise ValueError("both samples need values")
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    then = np.bincount(np.searchsorted(edges, reference, side="left"), minlength=len(edges) + 1)
    now = np.bincount(np.searchsorted(edges, current, side="left"), minlength=len(edges) + 1)
    p = np.maximum(then, 0.5) / len(reference)
    q = np.maximum(now, 0.5) / len(current)
    return float(((q - p) * np.log(q / p)).sum())
