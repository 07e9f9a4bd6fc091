"""Mail addresses that recognition has taken apart: in most it puts spaces beside the sign."""

from __future__ import annotations

import re

from lineal_consumers.ocr.tesseract import DetectedWord, joined

_ADDRESS = re.compile(r"[(<\[]?[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}[)>\].,;:]*")
_NEAR = 0.7
"""Of the height of the words, which may be between them."""
_MAX_PARTS = 3


def join_mail_addresses(words: list[DetectedWord]) -> list[DetectedWord]:
    """The words of a page, those that stand close in a line and are an address as one."""
    if not any("@" in word.text for word in words):
        return words
    out: list[DetectedWord] = []
    at = 0
    while at < len(words):
        word = words[at]
        length = 1
        for count in range(2, min(_MAX_PARTS, len(words) - at) + 1):
            parts = words[at : at + count]
            if not _follows(*parts[-2:]):
                break
            if _ADDRESS.fullmatch("".join(part.text for part in parts)):
                length = count
        for part in words[at + 1 : at + length]:
            word = joined(word, part)
        out.append(word)
        at += length
    return out


def _follows(before: DetectedWord, word: DetectedWord) -> bool:
    if word.new_line or not (before.text.endswith("@") or word.text.startswith("@")):
        return False
    near = _NEAR * max(before.bottom - before.top, word.bottom - word.top)
    return -near < word.left - before.right < near
