"""Topics of a collection by non-negative matrix factorisation.

Source: Lee, Seung, "Algorithms for Non-negative Matrix Factorization", NIPS 13 (2000), begun from
the singular vectors as in Boutsidis, Gallopoulos, "SVD based initialization" (NNDSVD, 2008), so
that the same documents always have the same topics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lineal_catalog.summaries.ranking import tf_idf
from lineal_catalog.summaries.sentences import Sentence, stem, words_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MAX_TERMS = 2_000
_ROUNDS = 80
_TINY = 1e-9
_SHOWN_TERMS = 8
_SHOWN_SENTENCES = 3
_MIN_SHARE = 0.05
"""Of a document, from which it is named with a topic."""


class Topic(NamedTuple):
    """What several documents, or parts of one, speak of."""

    terms: tuple[str, ...]
    """The words that tell it from the others, the strongest first."""
    share: float
    """Of all that was looked at, 0 to 1."""
    documents: tuple[tuple[int, float], ...]
    """Index of each document that speaks of it, and the share of that document."""
    sentences: tuple[Sentence, ...]
    """Those that speak of it most."""


def find_topics(sentences: Sequence[Sentence], number: int) -> list[Topic]:
    """The topics of sentences, the largest first; fewer where there is not enough to tell apart."""
    import numpy as np

    number = min(number, len({item.document for item in sentences}) + 2, len(sentences) // 3)
    if number < 1:
        return []
    matrix, stems = tf_idf([item.stems for item in sentences], _MAX_TERMS)
    weights, terms = _factors(matrix, min(number, *matrix.shape))
    spoken = _forms(sentences)
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), _TINY)
    documents = np.array([item.document for item in sentences])
    found = []
    for at in range(weights.shape[1]):
        strongest = [int(i) for i in np.argsort(-terms[at], kind="stable")[:_SHOWN_TERMS]]
        words = tuple(spoken[stems[i]] for i in strongest if terms[at, i] > _TINY)
        if not words:
            continue
        by_document = [
            (int(index), round(float(shares[documents == index, at].mean()), 4))
            for index in np.unique(documents)
        ]
        best = [int(i) for i in np.argsort(-weights[:, at], kind="stable")[:_SHOWN_SENTENCES]]
        found.append(
            Topic(
                words,
                round(float(shares[:, at].mean()), 4),
                tuple(
                    sorted(
                        (item for item in by_document if item[1] >= _MIN_SHARE),
                        key=lambda item: (-item[1], item[0]),
                    )
                ),
                tuple(sentences[i] for i in best if weights[i, at] > _TINY),
            )
        )
    return sorted(found, key=lambda topic: (-topic.share, topic.terms))


def _factors(
    matrix: npt.NDArray[np.float64], number: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weights of topics by text, and of terms by topic, whose product is near the matrix."""
    import numpy as np

    left, values, right = _largest_singular(matrix, number)
    texts = np.abs(left * np.sqrt(values)) + _TINY
    terms = np.abs(right * np.sqrt(values)[:, None]) + _TINY
    for _ in range(_ROUNDS):
        terms *= (texts.T @ matrix) / np.maximum(texts.T @ texts @ terms, _TINY)
        texts *= (matrix @ terms.T) / np.maximum(texts @ (terms @ terms.T), _TINY)
    return texts, terms


def _largest_singular(
    matrix: npt.NDArray[np.float64], number: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The largest singular values with their vectors, by iterated projection (Halko, Martinsson,
    Tropp, 2011): in time linear in the matrix."""
    import numpy as np

    chance = np.random.default_rng(0)
    base = matrix @ chance.standard_normal((matrix.shape[1], min(number + 8, *matrix.shape)))
    for _ in range(4):
        base, _ = np.linalg.qr(matrix @ (matrix.T @ base))
    base, _ = np.linalg.qr(base)
    inner, values, right = np.linalg.svd(base.T @ matrix, full_matrices=False)
    return (base @ inner)[:, :number], values[:number], right[:number]


def _forms(sentences: Sequence[Sentence]) -> dict[str, str]:
    """The most frequent whole word of each stem."""
    counted: dict[str, Counter[str]] = {}
    for sentence in sentences:
        for word in words_of(sentence.text):
            counted.setdefault(stem(word.lower()), Counter())[word] += 1
    found = {}
    for begin, words in counted.items():
        word = min(words, key=lambda item: (-words[item], item))
        found[begin] = word if word.isupper() else word.lower()
    return found
