"""The classical engine: hashed stems and character n-grams, without weights and for any language.

Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009: signed
hashes keep the inner product of sparse vectors in few dimensions. Character n-grams find inflected,
joined and misspelt words (McNamee, Mayfield, Information Retrieval 7, 2004).
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from lineal.lineage.record import UsedArtifact
from lineal_catalog.meaning.stop_words import STOP_WORDS
from lineal_catalog.search.words import lexemes, searchable

if TYPE_CHECKING:
    from lineal_catalog.meaning.engine import Vectors

_VERSION = "1"
_DIMENSIONS = 512
_GRAM = 4
_STEM_WEIGHT, _GRAM_WEIGHT = 1.0, 0.35
_STEM = 6


class HashedWords:
    """See :class:`lineal_catalog.meaning.engine.Engine`."""

    dimensions = _DIMENSIONS

    @property
    def model(self) -> UsedArtifact:
        rules = f"{_VERSION} {_DIMENSIONS} {_GRAM} {_STEM_WEIGHT} {_GRAM_WEIGHT} {_STEM}"
        digest = sha256(f"{rules} {sorted(STOP_WORDS)}".encode()).hexdigest()
        return UsedArtifact("classical", _VERSION, digest)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See the protocol."""
        import numpy as np

        vectors = np.zeros((len(texts), _DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            for feature, weight in _features(text):
                hashed = zlib.crc32(feature.encode())
                sign = 1 if hashed & 1 else -1
                vectors[row, (hashed >> 1) % _DIMENSIONS] += sign * weight
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def _features(text: str) -> Iterator[tuple[str, float]]:
    counts = Counter(word for word in lexemes(searchable(text)) if word not in STOP_WORDS)
    for word, count in counts.items():
        # Long words are rarer: what a table of frequencies would say, without one.
        weight = (1 + math.log(count)) * min(len(word), 12) ** 0.5
        yield f"s{word[:_STEM]}", _STEM_WEIGHT * weight
        padded = f"<{word}>"
        grams = [padded[at : at + _GRAM] for at in range(max(1, len(padded) - _GRAM + 1))]
        for gram in grams:
            yield f"g{gram}", _GRAM_WEIGHT * weight / len(grams) ** 0.5
