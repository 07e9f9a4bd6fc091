"""Document classes learnt from examples: TF-IDF over words and layout, and a linear model.

What is written is read by :class:`lineal_learning.documents.class_model.ClassModel`.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from lineal_consumers.retrain.left_out import (
    class_means,
    folds_by_chance,
    folds_by_layout,
    leave_out,
    temperature_of,
)
from lineal_consumers.retrain.linear_classifiers import (
    Indices,
    Learner,
    Strengths,
    affordable,
    fit,
)
from lineal_learning.documents.class_model import FORMAT
from lineal_learning.documents.terms import ReadDocument, is_layout_term, terms_of, text_document

Array = npt.NDArray[np.float64]

_LAYOUT_WEIGHTS = (0.0, 0.15, 0.35, 0.7)
_QUICK: tuple[Learner, ...] = ("ridge", "svm")
_OTHERWISE = 10.0
"""Times the strength of the settings, tried beside the strength itself."""
_UNLIKE = 0.01
"""Of documents that were left out, the share that is less like its class than is believed."""
_FEW_UNLIKE = 0.8
"""Of the least likeness of all, where they are too few to have such a share."""


@dataclass(frozen=True)
class TextSettings:
    """Everything but the documents."""

    learner: Learner | Literal["best"] = "best"
    """``best`` is chosen by cross-validation on the training documents, of those that take no more
    than minutes with so many documents and classes."""
    max_ngram: int = 1
    """Words; 2 takes in pairs of neighbours."""
    layout: bool = True
    """Whether it counts where on the page a word stands, where that is known."""
    layout_weight: float | None = None
    """Of a term that says where a word stands, beside the word itself; None: what does best on
    layouts that were left out, since layouts change sooner than words do."""
    min_documents: int = 1
    """A term in fewer documents is left out."""
    max_terms: int = 200_000
    """The most frequent ones are kept."""
    strengths: Strengths = field(default_factory=Strengths)
    """Those of regressions and support vectors are a beginning: ten times of them is tried too."""
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class TrainedText:
    """A text classifier and how it did."""

    data: bytes
    """The archive; its SHA-256 is the model's digest."""
    classes: tuple[str, ...]
    learner: Learner
    cross_validated_accuracy: float
    """On training documents left out in turn, by layout, 0 to 1."""
    terms: int
    layout_weight: float
    """Of a term that says where a word stands, beside the word itself."""

    @property
    def sha256(self) -> str:
        return sha256(self.data).hexdigest()


class _Way(NamedTuple):
    """One way to learn, and how it does on documents that were left out."""

    learner: Learner
    strengths: Strengths
    layout_weight: float
    loss: float
    """The mean negative logarithm of the right class's probability: it tells ways apart that are
    right equally often, and confidences depend on it."""


def train_text_classifier(
    texts: Sequence[str], labels: Sequence[str], settings: TextSettings | None = None
) -> TrainedText:
    """The same of texts without layout; see :func:`train_classes`."""
    return train_classes([text_document(text) for text in texts], labels, settings)


def train_classes(
    documents: Sequence[ReadDocument], labels: Sequence[str], settings: TextSettings | None = None
) -> TrainedText:
    """Learn the classes of documents. The same input yields the same bytes.

    Args:
        labels: the class of each.

    Raises:
        ValueError: there are fewer than two classes, or fewer than two documents of one of them,
            or no word in all the documents.
    """
    # A worker may make no semaphores, which joblib would warn about when it is imported.
    os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from threadpoolctl import threadpool_limits

    settings = settings or TextSettings()
    _check(documents, labels)
    vectorizer = TfidfVectorizer(
        analyzer=_as_they_are,
        min_df=min(settings.min_documents, len(documents)),
        max_features=settings.max_terms,
        sublinear_tf=True,
        dtype=np.float64,
    )
    classes = tuple(sorted(set(labels)))
    places = {name: place for place, name in enumerate(classes)}
    wanted = np.array([places[label] for label in labels])
    with threadpool_limits(limits=settings.threads):
        terms = [terms_of(one, settings.max_ngram, layout=settings.layout) for one in documents]
        counts = vectorizer.fit(terms)
        names = vectorizer.get_feature_names_out().tolist()
        placed = np.array([is_layout_term(name) for name in names])
        idf = np.asarray(counts.idf_)

        def weighed(layout_weight: float) -> Any:
            vectorizer.idf_ = idf * np.where(placed, layout_weight, 1.0)
            return vectorizer.transform(terms)

        way = _best_way(
            {each: weighed(each) for each in _layout_weights(settings, placed)},
            wanted,
            settings,
        )
        folds = folds_by_layout(documents, wanted, settings.seed)
        # Terms of no weight are not looked for, and take no room.
        kept = np.flatnonzero(~placed | (way.layout_weight > 0))
        matrix = weighed(way.layout_weight)[:, kept]
        fitted = fit(way.learner, matrix, wanted, way.strengths)
        left_out = leave_out(
            lambda rows, labels: fit(way.learner, rows, labels, way.strengths),
            matrix, wanted, folds,
        )  # fmt: skip
        temperature, _ = temperature_of(left_out.scores, wanted)
        means = class_means(matrix, wanted).tocsr()
    header = {
        "format": FORMAT,
        "classes": list(classes),
        "learner": way.learner,
        "longest_term": settings.max_ngram,
        "layout": settings.layout and way.layout_weight > 0,
        "layout_weight": way.layout_weight,
        "documents": len(documents),
        "min_likeness": _min_likeness(left_out.likeness),
    }
    data = _archive(
        {
            "header": _utf8(json.dumps(header, sort_keys=True)),
            "terms": _utf8("\n".join(names[place] for place in kept.tolist())),
            "idf": np.asarray(vectorizer.idf_[kept], dtype=np.float32),
            "weights": (fitted.weights * temperature).astype(np.float32),
            "bias": (fitted.bias * temperature).astype(np.float32),
            "mean_values": np.asarray(means.data, dtype=np.float32),
            "mean_terms": np.asarray(means.indices, dtype=np.int64),
            "mean_begins": np.asarray(means.indptr[:-1], dtype=np.int64),
            "held_out": _confidences(left_out.scores * temperature, wanted).astype(np.float32),
        }
    )
    return TrainedText(
        data, classes, way.learner, left_out.accuracy(wanted), len(kept), way.layout_weight
    )


def _layout_weights(settings: TextSettings, placed: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    """Those that are tried; a document needs a term, so words are left out of none."""
    if not placed.any():
        return (0.0,)
    return _LAYOUT_WEIGHTS if settings.layout_weight is None else (settings.layout_weight,)


def _best_way(matrices: Mapping[float, Any], wanted: Indices, settings: TextSettings) -> _Way:
    """By documents that are left out: first the weight of the layout, then the learner, then how
    strongly it is regularised."""

    folds = folds_by_chance(wanted, settings.seed)

    def tried(learner: Learner, strengths: Strengths, layout_weight: float) -> _Way:
        left_out = leave_out(
            lambda rows, labels: fit(learner, rows, labels, strengths),
            matrices[layout_weight], wanted, folds,
        )  # fmt: skip
        _, loss = temperature_of(left_out.scores, wanted)
        return _Way(learner, strengths, layout_weight, loss)

    shape = next(iter(matrices.values())).shape
    learners = affordable(shape, int(wanted.max()) + 1)
    if settings.learner != "best":
        learners = (settings.learner,)
    base = settings.strengths
    # The layout is weighed by a learner that is quick: logistic regression takes ten times as long.
    quick = next(name for name in (*_QUICK, *learners) if name in learners)
    ways = [tried(quick, base, weight) for weight in matrices]
    weight = min(ways, key=lambda way: way.loss).layout_weight
    ways += [tried(learner, base, weight) for learner in learners if learner != quick]
    best = min(ways, key=lambda way: way.loss)
    stronger = base._replace(
        regularization=base.regularization * _OTHERWISE, ridge=base.ridge * _OTHERWISE
    )
    return min(best, tried(best.learner, stronger, weight), key=lambda way: way.loss)


def _as_they_are(terms: Sequence[str]) -> Sequence[str]:
    return terms


def _check(documents: Sequence[ReadDocument], labels: Sequence[str]) -> None:
    if len(documents) != len(labels):
        raise ValueError(f"{len(documents)} documents and {len(labels)} labels")
    counts = Counter(labels)
    if len(counts) < 2:
        raise ValueError("documents of at least two classes are needed")
    rare = sorted(name for name, count in counts.items() if count < 2)
    if rare:
        raise ValueError(f"only one document of {', '.join(rare)}")


def _min_likeness(likeness: Array) -> float:
    if len(likeness) < 1 / _UNLIKE:
        return float(likeness.min() * _FEW_UNLIKE)
    return float(np.quantile(likeness, _UNLIKE))


def _confidences(logits: Array, wanted: Indices) -> Array:
    """For each document the probability of the class that was found, and 1 if it is right."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    found = probabilities.argmax(axis=1)
    return np.column_stack([probabilities.max(axis=1), found == wanted])


def _utf8(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _archive(arrays: dict[str, npt.NDArray[np.generic]]) -> bytes:
    """An ``.npz`` whose bytes depend on its content only (``numpy.savez`` writes the time)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()
