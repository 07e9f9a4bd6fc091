"""Calibrates thresholds on held-out normal windows, for a stated false alarm rate."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_RESAMPLES = 200
CONFIDENCE = 0.9
"""With which bounds on false alarms are stated."""


def empirical_threshold(scores: Array, rate: float) -> float:
    """The score that a further normal window exceeds with probability at most ``rate``.

    The k-th smallest of n scores, k = ceil((n + 1)(1 - rate)): exact for exchangeable scores of any
    distribution (the bound of split conformal prediction).

    Raises:
        ValueError: n is too small for such a rate (n + 1 < 1 / rate), or a score is no number.
    """
    _check(scores, rate)
    rank = math.ceil((len(scores) + 1) * (1 - rate) - 1e-9)
    if rank > len(scores):
        raise ValueError(
            f"{len(scores)} scores cannot tell a rate of {rate:g}: at least "
            f"{math.ceil(1 / rate) - 1} are needed"
        )
    return float(np.sort(scores)[rank - 1])


def chi2_threshold(scores: Array, rate: float) -> float:
    """The same where there are too few scores, from a scaled chi-squared tail.

    The squared score is a weighted sum of squares, for which g·chi²(h) with the same mean and
    variance is the usual control limit (Box 1954; Nomikos and MacGregor 1995): g = var / (2 mean),
    h = 2 mean² / var.

    Raises:
        ValueError: there are fewer than two scores, or one is no number.
    """
    from scipy.stats import chi2

    _check(scores, rate)
    squares = scores**2
    mean, variance = float(squares.mean()), float(squares.var())
    if variance <= 0:
        return float(scores.max()) * (1 + 1e-6)
    quantile = float(chi2.isf(rate, 2 * mean**2 / variance))
    return math.sqrt(variance / (2 * mean) * quantile)


def bounded_threshold(
    scores: Array, rate: float, together: int, confidence: float = CONFIDENCE
) -> float:
    """The score that a further normal window exceeds at most with probability ``rate``, with a
    stated confidence: the fewer scores there are, the higher.

    The tail is that of :func:`chi2_threshold`; see :func:`exceedance` for its uncertainty.

    Args:
        together: windows in a row that depend on each other.

    Raises:
        ValueError: there are fewer than two scores, or one is no number.
    """
    from scipy.stats import chi2

    _check(scores, rate)
    scale, freedom = _scaled_chi2(_resampled(scores**2, together))
    return float(np.quantile(np.sqrt(scale * chi2.isf(rate, freedom)), confidence))


def exceedance(
    scores: Array, threshold: float, together: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """How often a normal window exceeds a threshold far out in the tail: estimated, and at most
    with a stated confidence.

    The tail is that of :func:`chi2_threshold`; its uncertainty is told by a bootstrap of blocks
    (Künsch 1989), since windows that overlap say the same: the fewer there are, the wider.

    Args:
        together: windows in a row that depend on each other.

    Raises:
        ValueError: there are fewer than two scores, or one is no number.
    """
    from scipy.stats import chi2

    _check(scores, 0.5)
    squares = scores**2

    def tail(values: Array) -> Array:
        scale, freedom = _scaled_chi2(values)
        found: Array = chi2.sf(threshold**2 / scale, freedom)
        return found

    at_most = np.quantile(tail(_resampled(squares, together)), confidence)
    return float(tail(squares)), float(at_most)


def _resampled(squares: Array, together: int) -> Array:
    """Resamples × scores, drawn in blocks."""
    size = min(max(1, 3 * together), len(squares))
    begins = np.random.default_rng(0).integers(
        0, len(squares) - size + 1, (_RESAMPLES, max(1, len(squares) // size))
    )
    drawn: Array = squares[(begins[:, :, np.newaxis] + np.arange(size)).reshape(_RESAMPLES, -1)]
    return drawn


def _scaled_chi2(squares: Array) -> tuple[Array, Array]:
    """Scale and degrees of freedom of the chi-squared with the same mean and variance."""
    mean = squares.mean(axis=-1)
    variance = np.maximum(squares.var(axis=-1), 1e-12 * mean**2 + 1e-300)
    return variance / (2 * mean), 2 * mean**2 / variance


def _check(scores: Array, rate: float) -> None:
    if not 0 < rate < 1:
        raise ValueError(f"a rate of {rate} is not between 0 and 1")
    if len(scores) < 2 or not np.isfinite(scores).all():
        raise ValueError("at least two scores, all of them numbers, are needed")
