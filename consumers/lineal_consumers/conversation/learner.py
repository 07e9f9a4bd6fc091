"""Learns to tell intents from examples: hashed features, vectors by meaning, and a logistic
regression."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal import Reject
from lineal_consumers.conversation.config import IntentsModel
from lineal_consumers.conversation.wording import plain
from lineal_learning.gates import GateRule, Gates
from lineal_learning.learner import Fitted, Learner, LearningData
from lineal_schemas.models import DatasetItem, Metrics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_consumers.conversation.intent_model import IntentModel

    Floats = npt.NDArray[np.float32]

UNKNOWN = "unknown"
"""The label of what a person has said to be none of the intents: nothing learns it as one, and the
threshold is measured on it."""
_FOLDS = 5
_STEPS = 61


class IntentsLearner(Learner[IntentsModel]):
    """Tells which intent an utterance has: ``kind = "intents"``."""

    kind = "intents"
    settings = IntentsModel
    media_type = "application/x-npz"
    libraries = ("numpy", "scikit-learn", "scipy", "threadpoolctl")
    code = ("lineal_consumers.conversation", "lineal_learning")

    def fingerprints(self, files: Sequence[Path], settings: IntentsModel) -> list[str | None]:
        """The same words are the same utterance, whatever their case and punctuation."""
        return [sha256(plain(file.read_text()).encode()).hexdigest()[:32] for file in files]

    def min_new_rows(self, settings: IntentsModel) -> int:
        return settings.min_new_examples

    def features(self, settings: IntentsModel) -> None:
        return None

    def fit(self, data: LearningData, settings: IntentsModel, algorithm: str) -> Fitted:
        known = [(text, label) for text, label in _read(data, data.manifest.train)
                 if label != UNKNOWN]  # fmt: skip
        if len({label for _, label in known}) < 2:
            raise Reject("examples of at least two intents are needed to learn from")
        model = fit_examples(known, settings)
        return Fitted(
            model=model,
            algorithm="hashed-logistic",
            metrics={"examples": float(len(known)), "intents": float(len(model.intents))},
            threshold=model.threshold,
            parameters={"engine": model.engine or "words"},
        )

    def export(self, fitted: Fitted) -> bytes:
        """A NumPy archive: the features are of text, which ONNX has no operators for."""
        model: IntentModel = fitted.model
        return model.to_bytes()

    def evaluate(self, model: bytes, data: LearningData, settings: IntentsModel) -> Metrics:
        """``accuracy``: of the test examples with an intent, the share whose intent is found;
        ``unknown_found``: of those without, the share that is taken for unknown."""
        from lineal_consumers.conversation.intent_model import load_model

        held = _read(data, data.manifest.test)
        if not any(label != UNKNOWN for _, label in held):
            raise Reject("there are no test examples to evaluate on")
        loaded = load_model(model)
        classified = [(loaded.classify(text), label) for text, label in held]
        right = [
            found.intent == label and found.confidence > 0
            for found, label in classified
            if label != UNKNOWN
        ]
        strange = [found.confidence == 0 for found, label in classified if label == UNKNOWN]
        metrics = {"accuracy": sum(right) / len(right), "examples": float(len(right))}
        if strange:
            metrics["unknown_found"] = sum(strange) / len(strange)
        return metrics

    def gates(self, settings: IntentsModel) -> Gates:
        return Gates(
            rules=(
                GateRule(metric="accuracy", limit=settings.min_accuracy),
                GateRule(metric="accuracy", tolerance=settings.tolerance),
            ),
            score={"accuracy": 1.0},
        )


def fit_examples(known: Sequence[tuple[str, str]], settings: IntentsModel) -> IntentModel:
    """A model with its threshold, learnt from texts and their intents: by words, and by meaning too
    where that is installed and tells examples that were left out better.

    Raises:
        Reject: the engine that is asked for is not installed.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    from lineal_consumers.conversation.intent_meaning import (
        WEIGHT,
        engine_for,
        joined,
        left_out_likeness,
        meanings,
    )
    from lineal_consumers.conversation.intent_model import Meaning, model_of_examples

    with threadpool_limits(limits=settings.threads):
        base = model_of_examples(known)
        wanted = np.array([base.intents.index(label) for _, label in known])
        rows = np.stack([base.vector(text) for text, _ in known])
        by_words = _fitted(rows, wanted, len(base.intents), settings)
        engine = engine_for(settings.engine)
        if engine is not None:
            vectors = meanings([text for text, _ in known], engine)
            both = np.hstack([rows, WEIGHT * vectors])
            by_meaning = _fitted(both, wanted, len(base.intents), settings)
            if settings.engine != "auto" or by_meaning.loss < by_words.loss:
                near = left_out_likeness(joined(rows, vectors), wanted, len(base.intents))
                least = float(np.quantile(near, settings.rejected_share))
                model = base.with_meaning(Meaning(engine, vectors))
                return model.with_regression(by_meaning.weights, by_meaning.bias, least)
        return base.with_regression(by_words.weights, by_words.bias, _threshold(known, settings))


def _read(data: LearningData, items: Sequence[DatasetItem]) -> list[tuple[str, str]]:
    return [(data.file_of(item).read_text(), item.label or UNKNOWN) for item in items]


def _threshold(known: Sequence[tuple[str, str]], settings: IntentsModel) -> float:
    """The similarity that all but the stated share of utterances reach, to examples without them:
    each part of the examples is compared with the others."""
    import numpy as np

    from lineal_consumers.conversation.intent_model import model_of_examples

    order = np.random.default_rng(settings.seed).permutation(len(known))
    similar = []
    for part in np.array_split(order, min(_FOLDS, len(known))):
        left_out = set(part.tolist())
        others = [one for place, one in enumerate(known) if place not in left_out]
        compared = model_of_examples(others, 0.0)
        similar += [compared.classify(known[place][0]).similarity for place in part]
    return float(np.quantile(similar, settings.rejected_share))


class _Regression(NamedTuple):
    weights: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    loss: float
    """The mean negative logarithm of the right intent's probability, of what was left out."""


def _fitted(
    rows: Floats, wanted: npt.NDArray[np.int64], intents: int, settings: IntentsModel
) -> _Regression:
    """A regression, its scores scaled to be the best probabilities of utterances that were left
    out (Guo et al. 2017)."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    fewest = int(np.bincount(wanted).min())
    scale, loss = 1.0, float("inf")
    if fewest >= 2:
        scores = np.zeros((len(rows), intents))
        folds = StratifiedKFold(min(_FOLDS, fewest), shuffle=True, random_state=settings.seed)
        for learnt, left_out in folds.split(rows, wanted):
            weights, bias = _regression(rows[learnt], wanted[learnt], intents, settings)
            scores[left_out] = rows[left_out] @ weights + bias
        scale, loss = _temperature(scores, wanted)
    weights, bias = _regression(rows, wanted, intents, settings)
    return _Regression(weights * scale, bias * scale, loss)


def _regression(
    rows: Floats, wanted: npt.NDArray[np.int64], intents: int, settings: IntentsModel
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(
        C=settings.regularization, max_iter=300, random_state=settings.seed
    ).fit(rows, wanted)
    weights, bias = np.asarray(found.coef_).T, np.asarray(found.intercept_)
    if weights.shape[1] == 1:  # two intents share one column; give each its own
        return np.hstack([-weights, weights]) / 2, np.array([-bias[0], bias[0]]) / 2
    assert weights.shape[1] == intents
    return weights, bias


def _temperature(
    scores: npt.NDArray[np.float64], wanted: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """The factor that makes the best probabilities of scores, and their loss."""
    import numpy as np

    factors = np.geomspace(0.3, 30, _STEPS)
    losses = []
    for factor in factors:
        logits = scores * factor
        logits = logits - logits.max(axis=1, keepdims=True)
        chosen = logits[np.arange(len(wanted)), wanted]
        losses.append(float((np.log(np.exp(logits).sum(axis=1)) - chosen).mean()))
    best = int(np.argmin(losses))
    return float(factors[best]), losses[best]


INTENTS = IntentsLearner()
