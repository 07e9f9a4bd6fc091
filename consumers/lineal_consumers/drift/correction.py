"""Corrections of p-values where several features are tested at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down: the chance of even one false finding stays below the significance.

    Holm, "A simple sequentially rejective multiple test procedure", 1979; valid for dependent
    tests too.
    """
    count = len(p_values)
    corrected = [0.0] * count
    running = 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (count - rank) * p_values[index]))
        corrected[index] = running
    return corrected


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Step-up: the expected share of false findings among all stays below the significance.

    Benjamini and Hochberg 1995; valid for independent or positively dependent tests.
    """
    count = len(p_values)
    corrected = [0.0] * count
    running = 1.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: -p_values[i])):
        running = min(running, p_values[index] * count / (count - rank))
        corrected[index] = running
    return corrected


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Each p-value times their number."""
    return [min(1.0, len(p_values) * p) for p in p_values]
