"""Compares readings with the training data, feature by feature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lineal_consumers.drift.adaptive_window import mean_changes
from lineal_consumers.drift.correction import benjamini_hochberg, bonferroni, holm
from lineal_consumers.drift.two_samples import kolmogorov_smirnov, population_stability_index

Array = npt.NDArray[np.float64]
Correction = Literal["holm", "bonferroni", "benjamini_hochberg", "none"]
_CORRECTIONS: dict[str, Callable[[Sequence[float]], list[float]]] = {
    "holm": holm,
    "bonferroni": bonferroni,
    "benjamini_hochberg": benjamini_hochberg,
    "none": list,
}


@dataclass(frozen=True)
class FeatureComparison:
    """One feature, then and now."""

    feature: str
    statistic: float
    p_value: float | None
    """Corrected; None where the test yields none."""
    drifted: bool
    stability_index: float
    reference_mean: float
    mean: float


@dataclass(frozen=True)
class DriftReport:
    """All features."""

    features: tuple[FeatureComparison, ...]
    samples: int
    """Readings that were compared."""

    @property
    def drifted(self) -> bool:
        """Whether any feature has."""
        return any(feature.drifted for feature in self.features)


def compare(
    reference: Array,
    current: Array,
    features: Sequence[str],
    significance: float = 0.01,
    correction: Correction = "holm",
    min_shift: float = 0.0,
) -> DriftReport:
    """Test every feature for a change of its distribution.

    Values that are missing (NaN or infinite) are left out. A feature without values on one side is
    compared as wholly changed if the other side has some: a sensor that fell silent, or appeared.

    Args:
        reference: readings × features, from training.
        current: readings × features, now.
        features: their names.
        significance: drift is a corrected p-value below it.
        correction: for the number of features.
        min_shift: the statistic (0 to 1) below which a change, however significant with very many
            readings, is too small to matter.

    Raises:
        ValueError: the shapes do not fit the names, or there are no readings.
    """
    _check(reference, current, features)
    found = [_compare(*_present(reference, current, i)) for i in range(len(features))]
    corrected = _CORRECTIONS[correction]([p for _, p, _, _, _ in found])
    return DriftReport(
        features=tuple(
            FeatureComparison(
                feature=name,
                statistic=statistic,
                p_value=p,
                drifted=p < significance and statistic >= min_shift,
                stability_index=index,
                reference_mean=then,
                mean=now,
            )
            for name, p, (statistic, _, index, then, now) in zip(
                features, corrected, found, strict=True
            )
        ),
        samples=len(current),
    )


def compare_adaptively(
    reference: Array,
    current: Array,
    features: Sequence[str],
    significance: float = 0.01,
    min_shift: float = 0.0,
) -> DriftReport:
    """Look in every feature for a change of its mean by ADWIN, which takes the readings in as they
    came, and so does not take them for independent of when they did.

    The statistic is the shift of the mean in standard deviations of the reference; otherwise as
    :func:`compare`. ``significance`` is shared out among the features (Bonferroni).

    Raises:
        ValueError: the shapes do not fit the names, or there are no readings.
        ModuleNotFoundError: river is not installed.
    """
    _check(reference, current, features)
    found = []
    for place, name in enumerate(features):
        then, now = _present(reference, current, place)
        distance, _, index, mean_then, mean_now = _compare(then, now)
        if len(then) and len(now):
            spread = float(then.std()) or 1.0
            statistic = abs(mean_now - mean_then) / spread
            changes = mean_changes(then.tolist(), now.tolist(), significance / len(features))
        else:
            statistic, changes = distance, distance > 0
        found.append(
            FeatureComparison(
                feature=name,
                statistic=statistic,
                p_value=None,
                drifted=changes and statistic >= min_shift,
                stability_index=index,
                reference_mean=mean_then,
                mean=mean_now,
            )
        )
    return DriftReport(features=tuple(found), samples=len(current))


def _check(reference: Array, current: Array, features: Sequence[str]) -> None:
    if reference.shape[1:] != (len(features),) or current.shape[1:] != (len(features),):
        raise ValueError(
            f"{len(features)} features, but readings of shape {reference.shape} and {current.shape}"
        )
    if not len(reference) or not len(current):
        raise ValueError("readings are needed on both sides")


def _present(reference: Array, current: Array, index: int) -> tuple[Array, Array]:
    then, now = reference[:, index], current[:, index]
    return then[np.isfinite(then)], now[np.isfinite(now)]


def _compare(then: Array, now: Array) -> tuple[float, float, float, float, float]:
    if not len(then) or not len(now):
        changed = len(then) != len(now)
        mean_then = float(then.mean()) if len(then) else 0.0
        mean_now = float(now.mean()) if len(now) else 0.0
        return float(changed), 0.0 if changed else 1.0, 0.0, mean_then, mean_now
    statistic, p_value = kolmogorov_smirnov(then, now)
    index = population_stability_index(then, now)
    return statistic, p_value, index, float(then.mean()), float(now.mean())


def downsample(readings: Array, limit: int) -> Array:
    """At most so many readings, evenly spaced: bounded, and closer to independent."""
    if len(readings) <= limit:
        return readings
    picked: Array = readings[np.linspace(0, len(readings) - 1, limit).astype(int)]
    return picked
