"""Intents of utterances: what the learnt model finds of a frozen set (``data/intents.json``), and
what it takes for unknown, beside TF-IDF with a logistic regression of scikit-learn as it comes.

The model is learnt and thresholded as ``lineal model train intents`` does it. The peer is given a
threshold of its own, so that as many utterances without an intent are rejected as here.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import Benchmark, Result

_DATA = Path(__file__).parent / "data" / "intents.json"
_DIALOGUE = Path(__file__).parents[1] / "cli" / "lineal_cli" / "examples" / "surgery.toml"


def _measure() -> Sequence[Result]:
    from lineal_consumers.conversation.config import IntentsModel
    from lineal_consumers.conversation.learner import fit_examples

    frozen = json.loads(_DATA.read_text())
    declared = tomllib.loads(_DIALOGUE.read_text())["intents"]
    known = [
        (text, intent)
        for intent, texts in frozen["learn"].items()
        for text in (*texts, *declared.get(intent, {}).get("examples", ()))
    ]
    held = [(text, intent) for intent, texts in frozen["test"].items() for text in texts]
    model = fit_examples(known, IntentsModel())
    found = [(model.classify(text), intent) for text, intent in held]
    right = [one.intent == intent and one.confidence > 0 for one, intent in found]
    strange = [model.classify(text).confidence == 0 for text in frozen["unknown"]]
    accuracy, rejected = sum(right) / len(right), sum(strange) / len(strange)
    peer, peer_rejected = _peer(known, held, frozen["unknown"], rejected)
    name = "TF-IDF, logistic regression"
    return [
        Result("quality.intents", accuracy, "accuracy", ">= 0.9", name, peer, accuracy / peer),
        Result(
            "quality.intents_unknown", rejected, "share found", ">= 0.9", name, peer_rejected
        ),
    ]  # fmt: skip


def _peer(
    known: Sequence[tuple[str, str]],
    held: Sequence[tuple[str, str]],
    unknown: Sequence[str],
    rejected: float,
) -> tuple[float, float]:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    peer = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10))
    peer.fit([text for text, _ in known], [intent for _, intent in known])
    sure = peer.predict_proba(unknown).max(axis=1)
    threshold = float(np.quantile(sure, rejected))
    likely = peer.predict_proba([text for text, _ in held])
    right = [
        peer.classes_[row.argmax()] == intent and row.max() > threshold
        for row, (_, intent) in zip(likely, held, strict=True)
    ]
    return sum(map(bool, right)) / len(right), float((sure <= threshold).mean())


BENCHMARKS = (
    Benchmark(("quality.intents", "quality.intents_unknown"), _measure, timed=False),
)  # fmt: skip
