"""Agreement between people who label, and what holds of what they say.

Sources: J. Cohen, A coefficient of agreement for nominal scales, 1960; J. L. Fleiss, Measuring
nominal scale agreement among many raters, 1971; A. P. Dawid and A. M. Skene, Maximum likelihood
estimation of observer error-rates using the EM algorithm, 1979.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_MAX_ITERATIONS = 100
_TOLERANCE = 1e-6
_SMOOTHING = 0.01


class Vote(NamedTuple):
    """That somebody has given a label to an item."""

    item: str
    worker: str
    label: str


class Consensus(NamedTuple):
    """What holds of an item."""

    label: str | None
    """None: as many say one thing as another."""
    confidence: float
    """Of the votes, the share that say so; or its probability."""


def majority(votes: Sequence[Vote]) -> dict[str, Consensus]:
    """What most say of each item."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for vote in votes:
        counts[vote.item][vote.label] += 1
    found = {}
    for item, labels in counts.items():
        best = max(labels.values())
        winners = [label for label, count in labels.items() if count == best]
        label = winners[0] if len(winners) == 1 else None
        found[item] = Consensus(label, best / labels.total())
    return found


def dawid_skene(votes: Sequence[Vote]) -> dict[str, Consensus]:
    """The most probable label of each item, where each worker has error rates of their own, which
    are estimated with the labels by expectation maximisation (Dawid and Skene 1979)."""
    labels = sorted({vote.label for vote in votes})
    items: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        items[vote.item].append(vote)
    beliefs = {
        item: [sum(vote.label == label for vote in given) / len(given) for label in labels]
        for item, given in items.items()
    }
    for _ in range(_MAX_ITERATIONS):
        priors, errors = _estimate(labels, items, beliefs)
        change = 0.0
        for item, given in items.items():
            logs = [
                math.log(priors[t])
                + sum(math.log(errors[vote.worker][t][vote.label]) for vote in given)
                for t in range(len(labels))
            ]
            top = max(logs)
            weights = [math.exp(log - top) for log in logs]
            total = sum(weights)
            new = [weight / total for weight in weights]
            change = max(change, *(abs(a - b) for a, b in zip(new, beliefs[item], strict=True)))
            beliefs[item] = new
        if change < _TOLERANCE:
            break
    return {item: _best(labels, belief) for item, belief in beliefs.items()}


def _best(labels: Sequence[str], belief: Sequence[float]) -> Consensus:
    best = max(belief)
    winners = [n for n, value in enumerate(belief) if math.isclose(value, best, rel_tol=1e-9)]
    return Consensus(labels[winners[0]] if len(winners) == 1 else None, best)


def _estimate(
    labels: Sequence[str], items: Mapping[str, Sequence[Vote]], beliefs: Mapping[str, list[float]]
) -> tuple[list[float], dict[str, list[dict[str, float]]]]:
    """How frequent each label is, and how often each worker says which label of which true one."""
    size = len(labels)
    priors = [_SMOOTHING] * size
    counts: dict[str, list[dict[str, float]]] = {}
    for item, given in items.items():
        for t in range(size):
            priors[t] += beliefs[item][t]
        for vote in given:
            table = counts.setdefault(
                vote.worker, [dict.fromkeys(labels, _SMOOTHING) for _ in labels]
            )
            for t in range(size):
                table[t][vote.label] += beliefs[item][t]
    total = sum(priors)
    for table in counts.values():
        for row in table:
            of_row = sum(row.values())
            for label in row:
                row[label] /= of_row
    return [value / total for value in priors], counts


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Cohen's kappa of two people on the same items: 1 is full agreement, 0 that of chance. None
    where it is not defined: there is no item, or both always say the same one thing."""
    if not first or len(first) != len(second):
        return None
    count = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / count
    ours, theirs = Counter(first), Counter(second)
    expected = sum(ours[label] * theirs[label] for label in ours) / count**2
    return None if math.isclose(expected, 1) else (observed - expected) / (1 - expected)


def fleiss_kappa(votes: Sequence[Vote]) -> float | None:
    """Fleiss' kappa over the items that the most frequent number of people, two or more, have
    labelled. None where it is not defined."""
    items: dict[str, Counter[str]] = defaultdict(Counter)
    for vote in votes:
        items[vote.item][vote.label] += 1
    sizes = Counter(labels.total() for labels in items.values() if labels.total() > 1)
    if not sizes:
        return None
    raters = max(sizes, key=lambda size: (sizes[size], size))
    rated = [labels for labels in items.values() if labels.total() == raters]
    shares = Counter[str]()
    for labels in rated:
        shares.update(labels)
    total = raters * len(rated)
    expected = sum((count / total) ** 2 for count in shares.values())
    observed = sum(
        (sum(count**2 for count in labels.values()) - raters) / (raters * (raters - 1))
        for labels in rated
    ) / len(rated)
    return None if math.isclose(expected, 1) else (observed - expected) / (1 - expected)
