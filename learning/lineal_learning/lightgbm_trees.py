"""Gradient-boosted trees by LightGBM: the library, and how our models are grown."""

from __future__ import annotations

import os
from typing import Any, Literal, Protocol


class TreeSettings(Protocol):
    """What a model's settings say of its trees."""

    @property
    def leaves(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def min_leaf_rows(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def threads(self) -> int: ...


def load_lightgbm() -> Any:
    """The library. It imports joblib, which would warn that it may make no semaphores in the
    sandbox of a worker process, and does not need any."""
    os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")
    import lightgbm

    return lightgbm


def tree_parameters(
    settings: TreeSettings, objective: Literal["binary", "regression"], feature_fraction: float
) -> dict[str, Any]:
    """LightGBM's parameters, with which the same data grows the same trees.

    Args:
        feature_fraction: share of the features that each tree may look at.
    """
    return {
        "objective": objective,
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.min_leaf_rows,
        "feature_fraction": feature_fraction,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.threads,
        "verbosity": -1,
    }
