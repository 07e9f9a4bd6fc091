"""A text classifier learnt from labelled documents: TF-IDF and a linear model.

The model is a NumPy archive (``.npz``) without pickled objects: the vocabulary in UTF-8, the
inverse document frequencies and the weights; a softmax of the weighted sums is the probability.
Words are runs of two or more letters or digits of the NFKC-normalised, lower-case text; terms are
words and, where wanted, neighbouring words.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
FORMAT = "lineal-text-classifier-1"
TOKEN = r"(?u)[^\W_]{2,}"  # noqa: S105
"""What a word is, as a regular expression."""


Learner = Literal["complement_naive_bayes", "logistic"]
_LEARNERS: tuple[Learner, ...] = ("complement_naive_bayes", "logistic")
_FOLDS = 5


@dataclass(frozen=True)
class TextSettings:
    """Everything but the documents."""

    learner: Learner | Literal["best"] = "best"
    """Complement naive Bayes (Rennie et al. 2003) is better with few documents, logistic
    regression with many; ``best`` is chosen by cross-validation on the training documents."""
    max_ngram: int = 1
    """Words; 2 takes in pairs of neighbours."""
    min_documents: int = 1
    """A term in fewer documents is left out."""
    max_terms: int = 200_000
    """The most frequent ones are kept."""
    smoothing: float = 0.3
    """Of naive Bayes."""
    regularization: float = 10.0
    """Inverse strength, of the regression (scikit-learn's C)."""
    iterations: int = 300
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
    """On training documents left out in turn, 0 to 1."""
    terms: int

    @property
    def sha256(self) -> str:
        return sha256(self.data).hexdigest()


class _Linear(NamedTuple):
    """Class scores of a document are ``features @ weights + bias``."""

    weights: Array
    bias: Array


def train_text_classifier(
    texts: Sequence[str], labels: Sequence[str], settings: TextSettings | None = None
) -> TrainedText:
    """Learn the classes of documents. The same input yields the same bytes.

    Args:
        texts: of the documents.
        labels: the class of each.

    Raises:
        ValueError: there are fewer than two classes, or fewer than two documents of one of them,
            or no word in all the documents.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from threadpoolctl import threadpool_limits

    settings = settings or TextSettings()
    _check(texts, labels)
    vectorizer = TfidfVectorizer(
        preprocessor=normalized,
        token_pattern=TOKEN,
        ngram_range=(1, settings.max_ngram),
        min_df=min(settings.min_documents, len(texts)),
        max_features=settings.max_terms,
        sublinear_tf=True,
        dtype=np.float64,
    )
    classes = tuple(sorted(set(labels)))
    wanted = np.array([classes.index(label) for label in labels])
    with threadpool_limits(limits=settings.threads):
        matrix = vectorizer.fit_transform(texts)
        learners = _LEARNERS if settings.learner == "best" else (settings.learner,)
        scores = {name: _left_out_scores(name, matrix, wanted, settings) for name in learners}
        right = {name: float((scores[name].argmax(1) == wanted).mean()) for name in learners}
        learner = max(learners, key=lambda name: right[name])
        temperature = _temperature(scores[learner], wanted)
        fitted = _fit(learner, matrix, wanted, settings)
    terms = vectorizer.get_feature_names_out().tolist()
    header = {
        "format": FORMAT,
        "classes": list(classes),
        "learner": learner,
        "longest_term": settings.max_ngram,
        "token": TOKEN,
        "documents": len(texts),
    }
    data = _archive(
        {
            "header": _utf8(json.dumps(header, sort_keys=True)),
            "terms": _utf8("\n".join(terms)),
            "idf": np.asarray(vectorizer.idf_, dtype=np.float32),
            "weights": (fitted.weights * temperature).astype(np.float32),
            "bias": (fitted.bias * temperature).astype(np.float32),
        }
    )
    return TrainedText(data, classes, learner, right[learner], len(terms))


def _check(texts: Sequence[str], labels: Sequence[str]) -> None:
    if len(texts) != len(labels):
        raise ValueError(f"{len(texts)} texts and {len(labels)} labels")
    counts = Counter(labels)
    if len(counts) < 2:
        raise ValueError("documents of at least two classes are needed")
    rare = sorted(name for name, count in counts.items() if count < 2)
    if rare:
        raise ValueError(f"only one document of {', '.join(rare)}")


def _fit(learner: Learner, matrix: Any, wanted: Indices, settings: TextSettings) -> _Linear:
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import ComplementNB

    if learner == "complement_naive_bayes":
        bayes = ComplementNB(alpha=settings.smoothing).fit(matrix, wanted)
        weights = np.asarray(bayes.feature_log_prob_).T
        return _Linear(weights, np.zeros(weights.shape[1]))
    regression = LogisticRegression(
        C=settings.regularization, max_iter=settings.iterations, random_state=settings.seed
    ).fit(matrix, wanted)
    weights, bias = np.asarray(regression.coef_).T, np.asarray(regression.intercept_)
    if weights.shape[1] == 1:  # two classes share one column; give each its own
        return _Linear(np.hstack([-weights, weights]) / 2, np.array([-bias[0], bias[0]]) / 2)
    return _Linear(weights, bias)


def _left_out_scores(
    learner: Learner, matrix: Any, wanted: Indices, settings: TextSettings
) -> Array:
    """Scores of every document by a model that has not seen it."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(
        min(_FOLDS, int(np.bincount(wanted).min())), shuffle=True, random_state=settings.seed
    )
    scores = np.zeros((len(wanted), int(wanted.max()) + 1))
    for known, left_out in folds.split(np.zeros(len(wanted)), wanted):
        fitted = _fit(learner, matrix[known], wanted[known], settings)
        scores[left_out] = matrix[left_out] @ fitted.weights + fitted.bias
    return scores


def _temperature(scores: Array, wanted: Indices) -> float:
    """The factor that makes the scores' softmax the best probabilities (Guo et al. 2017)."""
    factors = np.geomspace(0.1, 100, 121)
    losses = []
    for factor in factors:
        logits = scores * factor
        logits = logits - logits.max(axis=1, keepdims=True)
        chosen = logits[np.arange(len(wanted)), wanted]
        losses.append(float((np.log(np.exp(logits).sum(axis=1)) - chosen).mean()))
    return float(factors[int(np.argmin(losses))])


def normalized(text: str) -> str:
    """NFKC and lower case: ligatures and full-width letters are the plain ones."""
    from unicodedata import normalize

    return normalize("NFKC", text).lower()


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


def classes_of(data: bytes, texts: Sequence[str]) -> list[str | None]:
    """The class of each text; None for a text without a known word.

    All at once, to evaluate a model; the nlp stage has a reader of its own, which needs NumPy
    alone.

    Raises:
        ValueError: it is no text classifier.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            terms = arrays["terms"].tobytes().decode().split("\n")
            idf, weights, bias = (np.asarray(arrays[name]) for name in ("idf", "weights", "bias"))
    except Exception as error:  # zip, NumPy, JSON and missing names all fail their own way
        raise ValueError(f"not a text classifier: {error!r}") from error
    vectorizer = TfidfVectorizer(
        preprocessor=normalized,
        token_pattern=header["token"],
        ngram_range=(1, header["longest_term"]),
        vocabulary=terms,
        sublinear_tf=True,
        dtype=np.float64,
    )
    vectorizer.idf_ = idf.astype(np.float64)
    matrix = vectorizer.transform(texts)
    best = (matrix @ weights.astype(np.float64) + bias).argmax(axis=1)
    known = np.diff(matrix.indptr) > 0
    classes = header["classes"]
    return [classes[place] if found else None for place, found in zip(best, known, strict=True)]
