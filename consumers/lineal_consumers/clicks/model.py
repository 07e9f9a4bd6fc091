"""Scores visits: by a learnt model, or by rules while there is none."""

from __future__ import annotations

from functools import lru_cache
from math import expm1
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal import Reject
from lineal_consumers.clicks.config import ClicksConfig
from lineal_consumers.clicks.features import FEATURES, vector

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Score(NamedTuple):
    """How likely a robot made a visit."""

    score: float
    threshold: float
    reasons: tuple[str, ...] = ()

    @property
    def is_robotic(self) -> bool:
        return self.score > self.threshold


class ClickModel:
    """A loaded model.

    Raises:
        Reject: the file is none.
    """

    def __init__(self, data: bytes) -> None:
        from lineal_learning.onnx_file import open_model

        self._session, metadata = open_model(data, "clicks", "features", "threshold")
        self.threshold = float(metadata["threshold"])
        if tuple(metadata["features"]) != FEATURES:
            raise Reject("the model was trained with other features: learn it again")

    def scores(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Probabilities, of visits × features."""
        import numpy as np

        (found,) = self._session.run(["value"], {"features": rows})
        scores: npt.NDArray[np.float64] = found[:, 0].astype(np.float64)
        return np.clip(scores, 0.0, 1.0)


def score_visits(visits: list[dict[str, float]], model: str) -> list[Score]:
    """Score visits with the model in a file; run in a worker process.

    Raises:
        Reject: the file is no model of clicks.
    """
    import numpy as np

    loaded = _loaded(model)
    rows = np.array([vector(visit) for visit in visits], dtype=np.float32)
    return [Score(round(float(one), 6), loaded.threshold) for one in loaded.scores(rows)]


@lru_cache(maxsize=4)
def _loaded(path: str) -> ClickModel:
    """By path: objects are kept under their digest and never change."""
    return ClickModel(Path(path).read_bytes())


def score_by_rules(features: dict[str, float], config: ClicksConfig) -> Score:
    """1 where a rule says that it was a robot, else 0."""
    reasons = []
    if expm1(features["per_minute"]) > config.max_per_minute:
        reasons.append("more clicks in a minute than max_per_minute")
    if 0 <= features["pause_variation"] < config.min_variation:
        reasons.append("pauses differ less than min_variation")
    return Score(float(bool(reasons)), 0.5, tuple(reasons))
