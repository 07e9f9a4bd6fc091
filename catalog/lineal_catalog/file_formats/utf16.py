"""Tells text in UTF-16 that begins without a byte order mark."""

from __future__ import annotations

import codecs
import re
from typing import Literal

_SAMPLE_BYTES = 64 * 1024
_FEWEST = 3
"""Zeros; fewer in a text of a few bytes are damage."""
_ALPHABETS = re.compile(
    "[\t-\r -~\u0370-\u06ff\u0e00-\u0e7f\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]"
)
"""Latin, Greek, Cyrillic, Hebrew, Arabic, Thai, Chinese, Japanese, Korean."""


def unmarked_utf16(data: bytes) -> Literal["utf-16-le", "utf-16-be"] | None:
    """The order of UTF-16 where every second byte is mostly zero, as in texts of Latin letters, or
    where the other order makes no sense; None for other bytes, and for what is UTF-8.

    Args:
        data: the beginning of a text; 64 KiB of it are looked at.
    """
    sample = data[:_SAMPLE_BYTES]
    half = len(sample) // 2
    if half < 4 or 0 not in sample or _is_utf8(sample):
        return None
    even, odd = sample[0 : half * 2 : 2].count(0), sample[1 : half * 2 : 2].count(0)
    if max(even, odd) >= max(_FEWEST, 0.2 * half):
        if min(even, odd) > 0.02 * max(even, odd):
            return None
        return "utf-16-le" if odd > even else "utf-16-be"
    if half < 16 or sum(" " <= chr(byte) <= "~" for byte in sample) > 0.8 * len(sample):
        return None
    little, big = (_plausible(sample, order) for order in ("utf-16-le", "utf-16-be"))
    if max(little, big) < 0.95 or min(little, big) > 0.8:
        return None
    return "utf-16-le" if little > big else "utf-16-be"


def _is_utf8(sample: bytes) -> bool:
    """Whether a sample has characters beyond ASCII, and all of them are UTF-8; the last may be
    cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return not text.isascii()


def _plausible(sample: bytes, encoding: str) -> float:
    """The share of characters from alphabets that whole texts are written in."""
    text = sample[: len(sample) // 2 * 2].decode(encoding, "replace")
    return len(_ALPHABETS.findall(text)) / len(text)
