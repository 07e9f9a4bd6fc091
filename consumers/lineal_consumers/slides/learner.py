"""Learns which slides are positive from those that people have labelled, by logistic regression.

There are hundreds of slides at most, and one column a feature: more than a line through them would
learn the slides by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

from lineal import Reject
from lineal_consumers.slides.config import SlidesModel
from lineal_learning.gates import GateRule, Gates
from lineal_learning.learner import Fitted, Learner, LearningData
from lineal_learning.onnx_file import write_model
from lineal_schemas.models import DatasetItem, Metrics, SplitRule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

POSITIVE = "positive"
_ROUNDS = 1000
_SAME = 0.98
"""Two slides whose score maps correlate more are one that was saved again: tissue has another shape
on each slide."""


class _Learnt(NamedTuple):
    scorer: str
    features: tuple[str, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    bias: float


class _Labelled(NamedTuple):
    """Slides of one scorer."""

    features: list[dict[str, float]]
    truth: Floats
    """1 where positive, else 0."""


class SlidesLearner(Learner[SlidesModel]):
    """Tells positive slides from negative ones: ``kind = "slides"``."""

    kind = "slides"
    settings = SlidesModel
    libraries = ("numpy", "onnx", "onnxruntime", "scikit-learn", "scipy", "threadpoolctl")
    code = ("lineal_consumers.slides", "lineal_learning")

    def min_new_rows(self, settings: SlidesModel) -> int:
        return settings.min_new_slides

    def split(self, settings: SlidesModel) -> SplitRule:
        """By patient: of nobody one slide is learnt from and another one tested on."""
        return SplitRule(by="group", test_share=settings.test_share, seed=settings.seed)

    def features(self, settings: SlidesModel) -> None:
        """They are the scorer's, and stand in the model's file."""

    def fingerprints(self, files: Sequence[Path], settings: SlidesModel) -> list[str | None]:
        """The first of those that are the same slide, however it was saved and whoever it is
        said to be of."""
        import numpy as np

        found: list[str | None] = []
        seen: dict[tuple[str, int, int], list[tuple[Floats, str]]] = {}
        for file in files:
            said = orjson.loads(file.read_bytes())
            drawn = np.array(said["map"], np.float64)
            others = seen.setdefault((said["scorer"], *said["size"]), [])
            same = next((name for other, name in others if _are_same(drawn, other)), None)
            if same is None:
                same = sha256(drawn.tobytes()).hexdigest()[:32]
                others.append((drawn, same))
            found.append(same)
        return found

    def fit(self, data: LearningData, settings: SlidesModel, algorithm: str) -> Fitted:
        import numpy as np
        from sklearn.linear_model import LogisticRegression

        scorer = _newest_scorer(data)
        known = _labelled(data, data.manifest.train, scorer)
        if len(known.truth) < settings.min_slides or len(set(known.truth.tolist())) < 2:
            raise Reject(
                f"at least {settings.min_slides} labelled slides whose tiles {scorer} has scored, "
                "of both labels, are needed to learn from"
            )
        names = tuple(sorted(known.features[0]))
        rows = np.array([[one[name] for name in names] for one in known.features])
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[scale == 0] = 1.0
        fitted = LogisticRegression(C=1 / settings.strength, max_iter=_ROUNDS)
        fitted.fit((rows - mean) / scale, known.truth)
        patients = {item.group for item in data.manifest.train}
        return Fitted(
            model=_Learnt(scorer, names, mean, scale, fitted.coef_[0], float(fitted.intercept_[0])),
            algorithm="logistic-slides",
            metrics={"slides": float(len(known.truth)), "patients": float(len(patients))},
            parameters={"scorer": scorer},
        )

    def export(self, fitted: Fitted) -> bytes:
        return _to_onnx(fitted.model)

    def evaluate(self, model: bytes, data: LearningData, settings: SlidesModel) -> Metrics:
        """``auroc``, ``log_loss``, and how many slides of how many patients they are of."""
        import numpy as np

        from lineal_consumers.slides.model import SlideModel

        loaded = SlideModel(model)
        held = _labelled(data, data.manifest.test, loaded.scorer)
        if len(set(held.truth.tolist())) < 2:
            raise Reject(
                "there are no test slides of both labels to evaluate on: label slides of more "
                "patients, or score those that are there again by the scorer of today"
            )
        scores = np.clip(loaded.scores(held.features), 1e-6, 1 - 1e-6)
        right = np.where(held.truth > 0, scores, 1 - scores)
        return {
            "auroc": _auroc(scores, held.truth),
            "log_loss": float(-np.log(right).mean()),
            "slides": float(len(held.truth)),
            "patients": float(len({item.group for item in data.manifest.test})),
        }

    def gates(self, settings: SlidesModel) -> Gates:
        return Gates(
            rules=(
                GateRule(metric="auroc", limit=settings.min_auroc),
                GateRule(metric="log_loss", rule="at_most", tolerance=settings.tolerance),
            ),
            score={"log_loss": -1.0},
        )


def _are_same(one: Floats, other: Floats) -> bool:
    import numpy as np

    first, second = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return bool(np.array_equal(one, other) or (norm > 0 and (first @ second) / norm > _SAME))


def _said(data: LearningData, item: DatasetItem) -> tuple[str, dict[str, float]]:
    found = orjson.loads(data.file_of(item).read_bytes())
    return found["scorer"], found["features"]


def _newest_scorer(data: LearningData) -> str:
    """Scores of different scorers cannot be compared: the one of the latest slide is learnt from.

    Raises:
        Reject: there are no slides.
    """
    if not data.manifest.train:
        raise Reject("there are no labelled slides to learn from")
    latest = max(data.manifest.train, key=lambda item: (item.time_us, item.source))
    return _said(data, latest)[0]


def _labelled(data: LearningData, items: Sequence[DatasetItem], scorer: str) -> _Labelled:
    """Those whose tiles this scorer has scored."""
    import numpy as np

    read = [(_said(data, item), item.label == POSITIVE) for item in items]
    ours = [(features, positive) for (by, features), positive in read if by == scorer]
    truth = np.array([float(positive) for _, positive in ours])
    return _Labelled([features for features, _ in ours], truth)


def _auroc(scores: Floats, truth: Floats) -> float:
    """The share of pairs of a positive and a negative slide in which the positive's is larger."""
    positive, negative = scores[truth > 0][:, None], scores[truth <= 0][None, :]
    return float((positive > negative).mean() + (positive == negative).mean() / 2)


def _to_onnx(learnt: _Learnt) -> bytes:
    """The model's file; the same model is the same bytes."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    count = len(learnt.features)
    weights = (learnt.weights / learnt.scale).astype(np.float32).reshape(-1, 1)
    # The mean is taken off first: in single precision a large one would cost digits later.
    constants = {
        "mean": learnt.mean.astype(np.float32),
        "weights": weights,
        "bias": np.array([learnt.bias], np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["features", "mean"], ["centred"], name="centred"),
            helper.make_node("Gemm", ["centred", "weights", "bias"], ["score"], name="score"),
            helper.make_node("Sigmoid", ["score"], ["value"], name="value"),
        ],
        "lineal-slides",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["count", count])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["count", 1])],
        initializer=[numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return write_model(
        graph,
        {"kind": "slides", "features": list(learnt.features), "scorer": learnt.scorer},
    )


SLIDES = SlidesLearner()
