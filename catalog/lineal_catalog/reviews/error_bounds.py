"""What a number of answers shows of how often a machine is wrong, and how many more it takes.

Of few answers all can be right by chance: a share that was counted says nothing without how many
were counted. The bounds are the one-sided ones of Clopper and Pearson (1934), which hold however
few there are.
"""

from __future__ import annotations

import math

CONFIDENCE = 0.9
"""With which a rate of errors is below the bound that is given."""


def error_bound(wrong: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The rate that so few errors would show with a probability of ``1 - confidence`` only."""
    if wrong >= of:
        return 1.0
    low, high = wrong / of, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _at_most(wrong, of, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, of: int, rate: float) -> float:
    """The probability of at most so many errors among so many, at a rate."""
    if rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    total = 0.0
    for number in range(wrong + 1):
        ways = math.lgamma(of + 1) - math.lgamma(number + 1) - math.lgamma(of - number + 1)
        total += math.exp(ways + number * math.log(rate) + (of - number) * math.log1p(-rate))
    return min(1.0, total)


def min_right(wrong: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The share that is right at the least, with a confidence: 0.86 where 15 of 15 are."""
    return 1.0 - error_bound(wrong, of, confidence)


def max_right(wrong: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The share that is right at the most, with a confidence."""
    return error_bound(of - wrong, of, confidence) if of else 1.0


def is_shown(wrong: int, of: int, error_rate: float, confidence: float = CONFIDENCE) -> bool:
    """Whether :func:`error_bound` is at most this rate."""
    return of > 0 and _at_most(wrong, of, error_rate) <= 1 - confidence


def answers_missing(wrong: int, of: int, error_rate: float, confidence: float = CONFIDENCE) -> int:
    """How many more answers it takes, all of them right, to show that the machine is wrong at most
    so often: 45 for 5 % where there is none yet.

    Args:
        error_rate: above 0.
    """
    if is_shown(wrong, of, error_rate, confidence):
        return 0
    low, high = 0, 1
    while not is_shown(wrong, of + high, error_rate, confidence):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if is_shown(wrong, of + middle, error_rate, confidence):
            high = middle
        else:
            low = middle
    return high
