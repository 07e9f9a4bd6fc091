"""Metrics of a scoring model on labelled runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lineal_scoring.model import ScoringModel
from lineal_scoring.scorer import DeviceScorer

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Quality:
    """Readings by what they are and what was flagged in them; add them up over runs."""

    true_alarms: int = 0
    false_alarms: int = 0
    missed: int = 0
    quiet: int = 0
    """Normal, and nothing was flagged."""

    def __add__(self, other: Quality) -> Quality:
        return Quality(
            self.true_alarms + other.true_alarms,
            self.false_alarms + other.false_alarms,
            self.missed + other.missed,
            self.quiet + other.quiet,
        )

    @property
    def f1(self) -> float:
        """2TP / (2TP + FP + FN), 0 to 1; 1 where there was nothing to find or flag."""
        wrong = self.false_alarms + self.missed
        return 2 * self.true_alarms / (2 * self.true_alarms + wrong) if wrong else 1.0

    @property
    def false_alarm_rate(self) -> float:
        """Of the normal readings, the share that was called anomalous."""
        normal = self.false_alarms + self.quiet
        return self.false_alarms / normal if normal else 0.0

    @property
    def missed_rate(self) -> float:
        """Of the anomalous readings, the share that was called normal."""
        anomalous = self.true_alarms + self.missed
        return self.missed / anomalous if anomalous else 0.0


def total(qualities: Iterable[Quality]) -> Quality:
    """All of them together, every reading counting alike."""
    return sum(qualities, Quality())


def compare(flagged: Flags, true: Flags) -> Quality:
    """Count readings by what was flagged in them and what they are."""
    return Quality(
        true_alarms=int((flagged & true).sum()),
        false_alarms=int((flagged & ~true).sum()),
        missed=int((~flagged & true).sum()),
        quiet=int((~flagged & ~true).sum()),
    )


def alarms(model: ScoringModel, run: Array) -> Flags:
    """Whether an anomaly was open when each reading had been scored; nothing later is looked at.

    Args:
        model: loaded.
        run: readings × features, consecutive, from the device's start.
    """
    scorer = DeviceScorer(model)
    flagged = np.zeros(len(run), dtype=bool)
    step = model.preparation.step
    for window in scorer.push(run, 0)[0]:
        end = window.window.last_seq
        flagged[end - step + 1 : end + 1] = window.anomalous
    return flagged


def evaluate(data: bytes, runs: Sequence[Array], labels: Sequence[Flags]) -> Quality:
    """Score labelled runs as the bus or a device would.

    Args:
        data: the model's file.
        runs: each readings × features, consecutive, from the device's start.
        labels: for each run and reading, whether it is anomalous.

    Raises:
        ModelError: it is no scoring model, or cannot score.
    """
    model = ScoringModel(data)
    pairs = zip(runs, labels, strict=True)
    return total(compare(alarms(model, run), label) for run, label in pairs)
