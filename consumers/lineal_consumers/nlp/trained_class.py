"""Classifies documents by a model trained on labelled documents.

Reads the archive that the retrain stage writes (TF-IDF and a linear model) with
NumPy alone; see :class:`~lineal_consumers.nlp.engines.DocumentClassifier`.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from unicodedata import normalize

import numpy as np

from lineal.errors import LinealError
from lineal_schemas.results import DocumentClass, Entity

_FORMAT = "lineal-text-classifier-1"
_LONGEST = 200_000


class ModelFileError(LinealError, ValueError):
    """The bytes are no text classifier."""


class TrainedClassifier:
    """Chooses among the classes it was trained on; the confidence is the model's probability."""

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
            if header["format"] != _FORMAT:
                raise ModelFileError(f"a {header['format']}")
            self.classes: tuple[str, ...] = tuple(header["classes"])
            self._max_ngram = int(header["longest_term"])
            self._word = re.compile(header["token"])
        except ModelFileError:
            raise
        except Exception as error:  # zip, NumPy, JSON and missing names all fail their own way
            raise ModelFileError(f"not a text classifier: {error!r}") from error
        if self._weights.shape != (len(terms), len(self.classes)) or len(self._idf) != len(terms):
            raise ModelFileError("the arrays do not fit each other")
        self._index = {term: index for index, term in enumerate(terms)}

    def classify(self, pages: Sequence[str], entities: Sequence[Entity]) -> DocumentClass:
        """The most probable class; ``other`` for a text without a word the model knows."""
        text = "\n".join(pages)[:_LONGEST]
        known = self._term_counts(text)
        if not known:
            return DocumentClass(name="other", confidence=0.0, classifier="model")
        probabilities = self._probabilities(known)
        best = int(np.argmax(probabilities))
        return DocumentClass(
            name=self.classes[best],
            confidence=round(float(probabilities[best]), 3),
            classifier="model",
        )

    def probabilities(self, text: str) -> dict[str, float]:
        """Of every class, for one text."""
        values = self._probabilities(self._term_counts(text))
        return dict(zip(self.classes, values.tolist(), strict=True))

    def _term_counts(self, text: str) -> dict[int, int]:
        words = self._word.findall(normalize("NFKC", text).lower())
        counts: Counter[str] = Counter(words)
        for size in range(2, self._max_ngram + 1):
            counts.update(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
        return {
            index: count
            for term, count in counts.items()
            if (index := self._index.get(term)) is not None
        }

    def _probabilities(
        self, counts: dict[int, int]
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        order = sorted(counts)
        values = np.array([1.0 + math.log(counts[index]) for index in order]) * self._idf[order]
        length = float(np.sqrt((values**2).sum()))
        logits = self._bias.copy()
        if length > 0:
            logits = logits + (values / length) @ self._weights[order].astype(np.float64)
        exponentials = np.exp(logits - logits.max())
        result: np.ndarray[tuple[int], np.dtype[np.float64]] = exponentials / exponentials.sum()
        return result
