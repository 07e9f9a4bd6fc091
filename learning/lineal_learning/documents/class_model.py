"""A model that says the class of a document; needs NumPy alone.

Its file is a NumPy archive without pickled objects: terms, inverse document frequencies and weights
(TF-IDF and a linear model; the softmax of the weighted sums is the probability), the mean vector of
each class, by which a document is known that is of none, and how sure the model was of documents
that it had not learnt from, and whether it was right: a stated rate of errors follows from that.
"""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lineal.errors import LinealError
from lineal_learning.documents.terms import ReadDocument, terms_of

Array = npt.NDArray[np.float64]
FORMAT = "lineal-document-classes-1"
FORMER_FORMAT = "lineal-text-classifier-1"
"""Of words alone; it knows nothing of documents of no class, nor of rates of errors."""
UNKNOWN = "unknown"
"""The class of a document that is like none that was taught."""
NO_WORDS = "other"
"""The class of a text without a word that the model knows."""


CONFIDENCE = 0.9
"""With which a stated rate of errors is shown to hold."""


class ModelFileError(LinealError, ValueError):
    """The bytes are no model of document classes."""


class Classified(NamedTuple):
    """What a model says of a document."""

    name: str
    confidence: float
    """The probability of the class, 0 to 1."""
    likeness: float
    """To the class that is nearest: the cosine of the angle to its mean, 0 to 1."""


class Believed(NamedTuple):
    """Documents of a known class that a model had not seen, and was sure enough of."""

    documents: int
    wrong: int


class ModelParts(NamedTuple):
    """What a model computes with."""

    classes: tuple[str, ...]
    terms: tuple[str, ...]
    idf: Array
    weights: Array
    """Terms × classes."""
    bias: Array
    means: npt.NDArray[np.float32] | None
    """Classes × terms, each of length 1; None where it knows nothing of documents of no class."""
    min_likeness: float
    max_ngram: int
    layout: bool


class ClassModel:
    """Chooses among the classes it was taught."""

    def __init__(self, data: bytes) -> None:
        """Load a model.

        Raises:
            ModelFileError: it is damaged, or something else.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                header = json.loads(arrays["header"].tobytes())
                terms = arrays["terms"].tobytes().decode().split("\n")
                self._idf = np.asarray(arrays["idf"], dtype=np.float64)
                self._weights = np.asarray(arrays["weights"])
                self._bias = np.asarray(arrays["bias"], dtype=np.float64)
                if header["format"] not in (FORMAT, FORMER_FORMAT):
                    raise ModelFileError(f"a {header['format']}")
                self._mean: _Means | None = None
                self._held_out = np.empty((0, 2))
                self._min_likeness = 0.0
                if header["format"] == FORMAT:
                    names = ("mean_values", "mean_terms", "mean_begins")
                    self._mean = _Means(*(np.asarray(arrays[name]) for name in names))
                    self._held_out = np.asarray(arrays["held_out"], dtype=np.float64)
                    self._min_likeness = float(header["min_likeness"])
            self.classes: tuple[str, ...] = tuple(header["classes"])
            self._max_ngram = int(header["longest_term"])
            self._layout = bool(header.get("layout", False))
        except ModelFileError:
            raise
        except Exception as error:  # zip, NumPy, JSON and missing names all fail their own way
            raise ModelFileError(f"not a model of document classes: {error!r}") from error
        if self._weights.shape != (len(terms), len(self.classes)) or len(self._idf) != len(terms):
            raise ModelFileError("the arrays do not fit each other")
        self._index = {term: index for index, term in enumerate(terms)}

    @property
    def is_calibrated(self) -> bool:
        """Whether it knows how often it is wrong."""
        return self._mean is not None

    def classify(self, document: ReadDocument) -> Classified:
        """The most probable class; :data:`UNKNOWN` for a document like none that was taught."""
        known = self._term_counts(terms_of(document, self._max_ngram, layout=self._layout))
        if not known:
            return Classified(NO_WORDS, 0.0, 0.0)
        vector = self._vector(known)
        probabilities = self._probabilities(vector)
        best = int(np.argmax(probabilities))
        likeness = 1.0
        if self._mean is not None:
            likeness = float(self._mean.cosines(vector, len(self._idf)).max())
        name = self.classes[best] if likeness >= self._min_likeness else UNKNOWN
        return Classified(name, float(probabilities[best]), likeness)

    def min_confidence(self, error_rate: float, confidence: float = CONFIDENCE) -> float:
        """From which confidence on a class is believed, so that at most so many of all documents
        are believed to be of a wrong class.

        Documents that were left out say so: so few of them are wrong above it that, were the rate
        higher, as few would be with a probability of at most ``1 - confidence`` (the binomial test
        of Clopper and Pearson 1934; thresholds are tested in their order, Angelopoulos et al. 2021,
        "Learn then test"). That takes :func:`examples_needed`; with fewer it is above 1: nothing
        is believed. They were left out by layout, by a model that had seen fewer examples.
        """
        held = self._held_out
        if not len(held):
            return 2.0
        allowed = _errors_allowed(len(held), error_rate, 1.0 - confidence)
        if allowed < 0:
            return 2.0
        order = np.argsort(-held[:, 0], kind="stable")
        sure, wrong = held[order, 0], 1.0 - held[order, 1]
        # Those of equal confidence are believed together, or not.
        last = np.append(sure[1:] != sure[:-1], True)
        believed = np.flatnonzero(last & (np.cumsum(wrong) <= allowed))
        if len(believed) == 0:
            return 2.0
        place = int(believed[-1])
        return 0.0 if place == len(held) - 1 else float(sure[place])

    def rate_shown(self, error_rate: float, confidence: float = CONFIDENCE) -> float:
        """The rate of errors that can be shown to hold: the one that is wanted, or the least that
        so few documents as were left out can show if none of them is wrong."""
        if not len(self._held_out):
            return 1.0
        # A hair more, so that rounding does not make a document short of it.
        least = -math.expm1(math.log(1.0 - confidence) / len(self._held_out)) * (1.0 + 1e-9)
        return max(error_rate, least)

    def believed(self, min_confidence: float) -> Believed:
        """Of the documents that were left out, those that are believed from a confidence on."""
        right = self._held_out[self._held_out[:, 0] >= min_confidence, 1]
        return Believed(len(right), int((right == 0).sum()))

    @property
    def left_out(self) -> int:
        """How many documents say how often it is wrong."""
        return len(self._held_out)

    def believed_share(self, error_rate: float, confidence: float = CONFIDENCE) -> float:
        """Of the documents that were left out, how many are believed at a rate of errors."""
        if not len(self._held_out):
            return 0.0
        least = self.min_confidence(error_rate, confidence)
        return float((self._held_out[:, 0] >= least).mean())

    def probabilities(self, document: ReadDocument) -> dict[str, float]:
        """Of every class."""
        known = self._term_counts(terms_of(document, self._max_ngram, layout=self._layout))
        values = self._probabilities(self._vector(known))
        return dict(zip(self.classes, values.tolist(), strict=True))

    def parts(self) -> ModelParts:
        """What it computes with, to write it in another form."""
        return ModelParts(
            self.classes,
            tuple(self._index),
            self._idf,
            self._weights.astype(np.float64),
            self._bias,
            None if self._mean is None else self._mean.dense(len(self._idf)),
            self._min_likeness,
            self._max_ngram,
            self._layout,
        )

    def _term_counts(self, terms: Iterable[str]) -> dict[int, int]:
        return {
            index: count
            for term, count in Counter(terms).items()
            if (index := self._index.get(term)) is not None
        }

    def _vector(self, counts: dict[int, int]) -> _Sparse:
        order = np.array(sorted(counts), dtype=np.int64)
        values = np.array([1.0 + math.log(counts[index]) for index in order.tolist()])
        values = values * self._idf[order]
        length = float(np.sqrt((values**2).sum()))
        return _Sparse(order, values / length if length > 0 else values)

    def _probabilities(self, vector: _Sparse) -> Array:
        logits = self._bias + vector.values @ self._weights[vector.terms].astype(np.float64)
        exponentials = np.exp(logits - logits.max())
        result: Array = exponentials / exponentials.sum()
        return result


def examples_needed(error_rate: float, confidence: float = CONFIDENCE) -> int:
    """The fewest documents, all of them right, that show a rate of errors: 114 for 2 %."""
    return math.ceil(math.log(1.0 - confidence) / math.log1p(-error_rate))


def _errors_allowed(documents: int, error_rate: float, level: float) -> int:
    """The most errors that so many documents would have with at most the probability ``level``, if
    the rate were this or higher; -1 if none is too many."""
    total, allowed = 0.0, -1
    while allowed < documents:
        wrong = allowed + 1
        ways = math.lgamma(documents + 1) - math.lgamma(wrong + 1)
        ways -= math.lgamma(documents - wrong + 1)
        right = (documents - wrong) * math.log1p(-error_rate)
        total += math.exp(ways + wrong * math.log(error_rate) + right)
        if total > level:
            return allowed
        allowed = wrong
    return allowed


class _Sparse(NamedTuple):
    terms: npt.NDArray[np.int64]
    values: Array


class _Means(NamedTuple):
    """The mean vectors of the classes, one after the other, each of length 1."""

    values: npt.NDArray[np.float32]
    terms: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]

    def cosines(self, vector: _Sparse, terms: int) -> Array:
        dense = np.zeros(terms)
        dense[vector.terms] = vector.values
        products = self.values * dense[self.terms]
        sums: Array = np.add.reduceat(products, self.begins)
        return sums

    def dense(self, terms: int) -> npt.NDArray[np.float32]:
        """One row for each class."""
        ends = [*self.begins[1:].tolist(), len(self.terms)]
        rows = np.zeros((len(self.begins), terms), np.float32)
        for row, (begin, end) in enumerate(zip(self.begins.tolist(), ends, strict=True)):
            rows[row, self.terms[begin:end]] = self.values[begin:end]
        return rows
