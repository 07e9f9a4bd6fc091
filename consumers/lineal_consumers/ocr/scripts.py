"""Properties of scripts: the direction of letters, and whether blanks part words."""

from __future__ import annotations

import unicodedata
from itertools import groupby

_BACKWARDS = frozenset({"R", "AL"})
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x30FF), (0x31F0, 0x4DBF),
    (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFF9F), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Thai, Lao, Burmese, Khmer, and the characters and punctuation of Chinese and Japanese. Korean
parts its words."""


def is_right_to_left(text: str) -> bool:
    """Whether some of its letters are written from right to left."""
    return any(unicodedata.bidirectional(letter) in _BACKWARDS for letter in text)


def in_logical_order(seen: str) -> str:
    """The letters of one word, given from left to right as they are seen, in the order in which
    they are read: those of Arabic and Hebrew turned round, figures and Latin letters in it not."""
    if not is_right_to_left(seen):
        return seen
    clusters: list[str] = []
    for letter in seen:
        if clusters and unicodedata.combining(letter):
            clusters[-1] += letter
        else:
            clusters.append(letter)
    runs = [
        list(run) if backwards else list(run)[::-1]
        for backwards, run in groupby(clusters, key=lambda one: not _runs_forward(one))
    ]
    return "".join(cluster for run in reversed(runs) for cluster in reversed(run))


def _runs_forward(cluster: str) -> bool:
    return unicodedata.bidirectional(cluster[0]) in {"L", "EN", "AN"}


def is_unspaced(letter: str) -> bool:
    """Whether a letter belongs to a script whose words nothing parts."""
    code = ord(letter)
    return any(first <= code <= last for first, last in _UNSPACED)


def is_japanese(letter: str) -> bool:
    return 0x3041 <= ord(letter) <= 0x30FA
