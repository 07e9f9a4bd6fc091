"""Features of an utterance: words, pairs of words, and pieces of words, hashed.

Hashed by CRC-32, so that a model needs no vocabulary, and a word that was never seen still has
pieces that were.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from math import log
from zlib import crc32

from lineal_consumers.conversation.wording import plain

BUCKETS = 1 << 16
_WORD = re.compile(r"[^\W_]+")
_PIECES = (3, 4)
_PIECE_WEIGHT = 0.5
"""A piece says less than a word."""


def features(text: str) -> dict[int, float]:
    """Weights by bucket; 1 + log of the count, before inverse document frequencies."""
    words = _WORD.findall(plain(text))
    counts: Counter[str] = Counter(f"w{word}" for word in words)
    counts.update(f"p{first} {second}" for first, second in pairwise(words))
    pieces: Counter[str] = Counter()
    for word in words:
        padded = f" {word} "
        for size in _PIECES:
            pieces.update(f"c{padded[at : at + size]}" for at in range(len(padded) - size + 1))
    found: dict[int, float] = {}
    for terms, weight in ((counts, 1.0), (pieces, _PIECE_WEIGHT)):
        for term, count in terms.items():
            bucket = crc32(term.encode()) % BUCKETS
            found[bucket] = found.get(bucket, 0.0) + weight * (1 + log(count))
    return found
