"""Learns which visits robots made, with gradient-boosted trees (LightGBM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from lineal import Reject
from lineal_consumers.clicks.config import ClicksModel
from lineal_consumers.clicks.features import FEATURES, vector
from lineal_learning.gates import GateRule, Gates
from lineal_learning.learner import Fitted, Learner, LearningData
from lineal_schemas.models import DatasetItem, InputSchema, Metrics, SplitRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

ROBOT, HUMAN = "robotic", "human"
"""Labels of visits."""
_MIN_VISITS = 40


class _Learnt(NamedTuple):
    booster: Any
    threshold: float


class ClicksLearner(Learner[ClicksModel]):
    """Tells visits of robots from those of people: ``kind = "clicks"``."""

    kind = "clicks"
    settings = ClicksModel
    libraries = ("lightgbm", "numpy", "onnx", "onnxruntime")
    code = ("lineal_consumers.clicks", "lineal_learning")

    def min_new_rows(self, settings: ClicksModel) -> int:
        return settings.min_new_visits

    def split(self, settings: ClicksModel) -> SplitRule:
        """By visitor: nobody is learnt from and tested on."""
        return SplitRule(
            by="group",
            test_share=settings.test_share,
            calibration_share=settings.calibration_share,
            seed=settings.seed,
        )

    def features(self, settings: ClicksModel) -> InputSchema:
        return InputSchema(features=FEATURES, length=1, step=1)

    def fit(self, data: LearningData, settings: ClicksModel, algorithm: str) -> Fitted:
        from lineal_learning.lightgbm_trees import load_lightgbm, tree_parameters

        lightgbm = load_lightgbm()
        known, truth = _read(data, data.manifest.train)
        if len(truth) < _MIN_VISITS or len(set(truth.tolist())) < 2:
            raise Reject(f"at least {_MIN_VISITS} labelled visits, of robots and of people, "
                         "are needed to learn from")  # fmt: skip
        parameters = tree_parameters(settings, "binary", 0.7)
        rows = lightgbm.Dataset(known, truth, feature_name=list(FEATURES))
        booster = lightgbm.train(parameters, rows, num_boost_round=settings.rounds)
        held_out, held_truth = _read(data, data.manifest.calibration)
        if not len(held_truth):
            raise Reject("no visits are held out to set the threshold on")
        threshold = threshold_for(booster.predict(held_out), held_truth, settings.precision)
        return Fitted(
            model=_Learnt(booster, threshold),
            algorithm="lightgbm-clicks",
            metrics={"visits": float(len(truth)), "calibration_visits": float(len(held_truth))},
            threshold=threshold,
        )

    def export(self, fitted: Fitted) -> bytes:
        from lineal_learning.trees import to_onnx

        learnt: _Learnt = fitted.model
        metadata = {"kind": "clicks", "features": list(FEATURES), "threshold": learnt.threshold}
        return to_onnx(
            learnt.booster, task="classification", scale="none", slope=1.0, shift=0.0,
            metadata=metadata,
        )  # fmt: skip

    def evaluate(self, model: bytes, data: LearningData, settings: ClicksModel) -> Metrics:
        """``precision`` and ``recall`` at the threshold, and ``auroc``."""
        from lineal_consumers.clicks.model import ClickModel

        held, truth = _read(data, data.manifest.test)
        if not len(truth) or len(set(truth.tolist())) < 2:
            raise Reject("there are no test visits of both kinds to evaluate on")
        loaded = ClickModel(model)
        scores = loaded.scores(held)
        called = scores > loaded.threshold
        right = float((called & (truth > 0)).sum())
        return {
            "precision": right / float(called.sum()) if called.any() else 1.0,
            "recall": right / float((truth > 0).sum()),
            "auroc": auroc(scores, truth),
            "visits": float(len(truth)),
        }

    def gates(self, settings: ClicksModel) -> Gates:
        return Gates(
            rules=(
                GateRule(metric="precision", limit=settings.min_precision),
                GateRule(metric="recall", limit=settings.min_recall),
                GateRule(metric="recall", tolerance=settings.tolerance),
            ),
            score={"recall": 1.0, "precision": 1.0},
        )


def _read(data: LearningData, items: Sequence[DatasetItem]) -> tuple[Any, Floats]:
    import numpy as np

    rows = [vector(orjson.loads(data.file_of(item).read_bytes())) for item in items]
    truth = [float(item.label == ROBOT) for item in items]
    shape = (len(rows), len(FEATURES))
    return np.array(rows, dtype=np.float32).reshape(shape), np.array(truth)


def threshold_for(scores: Floats, truth: Floats, precision: float) -> float:
    """Below the robotic visit with the lowest score down to which so many of all are robotic:
    halfway to the next lower one, so that it is no visit's own score."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((right >= precision) & (truth[order] > 0))
    if not len(enough):
        return 1.0
    last = int(enough[-1])
    below = scores[order[last + 1]] if last + 1 < len(order) else 0.0
    return float((scores[order[last]] + below) / 2)


def auroc(scores: Floats, truth: Floats) -> float:
    """The share of pairs of a robot and a person in which the robot's score is larger."""
    import numpy as np

    robots, people = scores[truth > 0], np.sort(scores[truth <= 0])
    below = np.searchsorted(people, robots, "left") + np.searchsorted(people, robots, "right")
    return float(below.mean() / (2 * len(people)))


CLICKS = ClicksLearner()
