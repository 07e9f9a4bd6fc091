"""Makes predictions right on average: a slope and a shift from calibration rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal_consumers.tables.config import TableModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def fit_calibration(raw: Floats, truth: Floats, settings: TableModel) -> tuple[float, float]:
    """Slope and shift that make predictions right on average (Platt 1999, for probabilities)."""
    import numpy as np

    if settings.task == "classification":
        return _platt(raw, truth) if len(set(truth.tolist())) == 2 else (1.0, 0.0)
    if settings.scale == "log" or np.ptp(raw) == 0:
        return 1.0, 0.0  # what is typical is not the mean
    slope, shift = np.polyfit(raw, truth, 1)
    return float(slope), float(shift)


def _platt(raw: Floats, truth: Floats) -> tuple[float, float]:
    """The logistic regression of the truth on one score, by Newton's method."""
    import numpy as np

    design = np.stack([raw, np.ones(len(raw))], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(25):
        likely = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        curvature = design.T @ (design * (likely * (1 - likely))[:, None]) + 1e-9 * np.eye(2)
        weights = weights + np.linalg.solve(curvature, design.T @ (truth - likely))
    return float(weights[0]), float(weights[1])
