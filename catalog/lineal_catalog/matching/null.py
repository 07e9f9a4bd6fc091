"""How similar sentences are that have nothing to do with each other: what ``p`` is read from.

A similarity by itself says little, and differently for each model and each kind of text. Its ``p``
is the share of unrelated pairs that are at least as similar, counted with the pair itself among
them (Phipson, Smyth, "Permutation P-values Should Never Be Zero", 2010). Of the most similar tenth
there are too few to count: beyond it the share falls off exponentially, as in that tenth (a tail is
fitted as in Knijnenburg et al., "Fewer permutations, more accurate P-values", 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from math import exp
from typing import TYPE_CHECKING

from lineal_catalog.matching.concepts import SentenceConcepts
from lineal_catalog.meaning.engine import model_id
from lineal_catalog.meaning.engines import engine_of
from lineal_schemas.matching import NullDistribution

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_catalog.meaning.engine import Engine, Vectors

MIN_SENTENCES = 40
"""A text of fewer different ones has too few pairs of its own."""
_MAX_SENTENCES = 300
_TAIL = 0.1
_MIN_TAIL_PAIRS = 10
_QUANTILES = (0.5, 0.9, 0.95, 0.99, 1.0)


class Null:
    """The similarities of unrelated pairs, in order."""

    def __init__(self, corpus: str, similarities: npt.NDArray[np.float32]) -> None:
        import numpy as np

        self._corpus = corpus
        self._similarities = np.sort(np.round(similarities, 4))
        tail = self._similarities[int(len(self._similarities) * (1 - _TAIL)) :]
        self._begin, self._excess = 1.0, 0.0
        if len(tail) >= _MIN_TAIL_PAIRS:
            self._begin, self._excess = float(tail[0]), float(np.mean(tail - tail[0]))

    def significance(self, similarity: float) -> float:
        """The share of unrelated pairs that are at least as similar: above 0, at most 1."""
        counted = self._counted(min(similarity, self._begin))
        if similarity <= self._begin or self._excess <= 0:
            return self._counted(similarity)
        return counted * exp(-(similarity - self._begin) / self._excess)

    def _counted(self, similarity: float) -> float:
        import numpy as np

        below = int(np.searchsorted(self._similarities, round(similarity, 4), side="left"))
        count = len(self._similarities)
        return (count - below + 1) / (count + 1)

    def described(self) -> NullDistribution:
        """What is recorded of it."""
        import numpy as np

        values = [float(value) for value in np.quantile(self._similarities, _QUANTILES)]
        return NullDistribution(
            corpus="text" if self._corpus == "text" else "reference",
            pairs=len(self._similarities),
            quantiles=tuple(round(value, 4) for value in values),
            sha256=sha256(self._similarities.astype("<f4").tobytes()).hexdigest(),
        )


def null_distribution(
    sentences: Sequence[SentenceConcepts], vectors: Vectors, engine: Engine
) -> Null:
    """That of a text's own sentences, without those that say the same of each other in the same
    words; that of the reference sentences where the text has too few."""
    if len({item.text for item in sentences}) >= MIN_SENTENCES:
        step = max(1, len(sentences) // _MAX_SENTENCES)
        return Null("text", _pairs([item.text for item in sentences[::step]], vectors[::step]))
    return _reference(model_id(engine))


@cache
def _reference(model: str) -> Null:
    import numpy as np

    engine = engine_of(model)

    similarities: list[npt.NDArray[np.float32]] = []
    for field in reference_sentences():
        texts = [SentenceConcepts(text).text for text in field]
        similarities.append(_pairs(texts, engine.embed(texts)))
    return Null("reference", np.concatenate(similarities))


def _pairs(texts: Sequence[str], vectors: Vectors) -> npt.NDArray[np.float32]:
    import numpy as np

    similar = vectors @ vectors.T
    rows, columns = np.triu_indices(len(texts), 1)
    names = np.array(texts)
    return np.asarray(similar[rows, columns][names[rows] != names[columns]], np.float32)


def reference_sentences() -> list[list[str]]:
    """Sentences of many fields, field by field, each about something else: pairs of one field are
    more alike than any two sentences, as those of a text are."""
    text = files(__package__).joinpath("reference_sentences.txt").read_text()
    return [field.splitlines() for field in text.strip().split("\n\n")]
