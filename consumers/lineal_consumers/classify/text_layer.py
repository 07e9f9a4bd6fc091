"""Whether the text layer of a page says what a reader of the page would see.

Two things go wrong: fonts without a usable map to Unicode (private-use characters, or a shifted
alphabet), and layers left by an earlier recognition that failed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from enum import Enum, auto
from itertools import pairwise

_GARBAGE_SHARE = 0.2
_ENOUGH_LETTERS = 100
_ENOUGH_PAIRS = 30
_COMMON_SHARE = 0.52
"""Of the pairs of letters: 0.57 (Polish) to 0.9 in Latin languages, 0.2 to 0.5 in a shifted
alphabet."""
_FEW_FIGURES = 4
"""More are an amount or a date, and not the number of a page or a year."""
_MIXED_SHARE = 0.05
_MAX_WORDS = 2_000
_GREEK_OR_CYRILLIC = ("GREEK", "CYRILLIC")
_VOWELS = "aeiouy"
_PAIRS = (
    "ab ac ad ag ah ai al am an ap ar as at au av ay be bi bl bo br bu ca ce ch ci ck cl co "
    "cr ct cu da de di do dr du ea ec ed ee eg eh ei el em en er es et eu ev fe ff fi fo fr "
    "ga ge gh go gr gu ha he hi hn ho hr ia ic id ie ig ih il im in io ir is it iv ka ke ki "
    "ko la ld le li ll lo lt lu ly ma me mi mo mp mu na nc nd ne ng ni nn no ns nt of ol om "
    "on op or os ot ou ow pa pe pi pl po pp pr qu ra rd re rg ri rk rm rn ro rs rt ru ry sa "
    "sc se sh si so ss st su ta te th ti to tr ts tt tu ty ub uh ul un ur us ut va ve vi vo "
    "wa we wh wi ze zu "
)
_COMMON_PAIRS = frozenset(_PAIRS.split())
"""Pairs of letters within words that make up nine tenths of European languages' text, and a third
of a shifted alphabet's."""


class Layer(Enum):
    """How far a text layer can be trusted."""

    GOOD = auto()
    """Reads like language or figures."""
    POOR = auto()
    """May be right (a parts list, letter-spaced text); not to be trusted over a scan."""
    GARBAGE = auto()
    """Characters that mean nothing, or too few to tell from nothing."""


def grade(text: str, unmapped: float) -> tuple[Layer, int]:
    """Rate the text of one page; also returned is its number of visible characters.

    ``unmapped`` is the share of characters whose font has no map to Unicode. A page without
    visible characters is ``POOR``.
    """
    counts = Counter(text)
    visible = meaningless = wordlike = 0
    for character, count in counts.items():
        category = unicodedata.category(character)
        if category[0] == "Z" or character in "\t\n\r\x02\xad\ufffe":
            # PDFium marks hyphens at line ends with U+0002 or U+FFFE.
            continue
        visible += count
        if (category[0] == "C" and category != "Cf") or character == "\ufffd":
            meaningless += count
        elif category[0] in "LMN":
            wordlike += count
    if visible == 0:
        return Layer.POOR, 0
    if meaningless > _GARBAGE_SHARE * visible or unmapped > _GARBAGE_SHARE:
        return Layer.GARBAGE, visible
    latin = _latin(counts, wordlike)
    if latin is Layer.GARBAGE:
        return Layer.GARBAGE, visible
    if latin is Layer.POOR or wordlike < 0.6 * visible or _shredded(text):
        return Layer.POOR, visible
    return Layer.GOOD, visible


def may_be_miscoded(text: str) -> bool:
    """Whether a longer text has words of a shifted or exchanged alphabet: few of the pairs of
    letters that words are made of, or letters of two alphabets in one word."""
    words = re.findall(r"[^\W\d_]{3,}", text)[:_MAX_WORDS]
    mixed = sum(
        any(c in _GREEK_OR_CYRILLIC for c in map(_block, word)) and "LATIN" in map(_block, word)
        for word in words
    )
    if mixed >= 2 and mixed >= _MIXED_SHARE * len(words):
        return True
    plain = unicodedata.normalize("NFD", text.lower())
    pairs = _pairs("".join(c for c in plain if not unicodedata.combining(c)))
    common = sum(pair in _COMMON_PAIRS for pair in pairs)
    return len(pairs) >= _ENOUGH_PAIRS and common < _COMMON_SHARE * len(pairs)


def _block(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _pairs(letters: str) -> list[str]:
    """Of neighbouring letters in Latin words."""
    words = re.findall("[a-z]+", letters)
    return [a + b for word in words if len(word) > 2 for a, b in pairwise(word)]


def reads_like_language(text: str) -> bool:
    """Whether a short Latin text is made of pairs of letters that occur in words; True for text
    in other scripts. Figures or a shifted alphabet are not, and are compared with what is drawn:
    no word says whether a figure is right."""
    plain = unicodedata.normalize("NFD", text.lower())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    if sum(c.isalpha() and not c.isascii() for c in letters) > 0.3 * len(letters):
        return True
    if sum(map(str.isdigit, letters)) > _FEW_FIGURES:
        return False
    pairs = _pairs(letters)
    return len(pairs) >= 5 and sum(pair in _COMMON_PAIRS for pair in pairs) >= 0.6 * len(pairs)


def _latin(counts: Counter[str], wordlike: int) -> Layer:
    """Rate by letter frequencies, where there are enough letters and most are Latin.

    A shifted alphabet has few vowels (European languages: 35 to 50 %). The index of coincidence,
    the chance that two letters are the same, is 0.065 to 0.08 in them and 0.038 in noise.
    """
    letters: Counter[str] = Counter()
    for character, count in counts.items():
        base = unicodedata.normalize("NFD", character)[0].lower()
        if "a" <= base <= "z":
            letters[base] += count
    total = letters.total()
    if total < _ENOUGH_LETTERS or total < 0.5 * wordlike:
        return Layer.GOOD
    vowels = sum(letters[vowel] for vowel in _VOWELS) / total
    if vowels < 0.2:
        return Layer.GARBAGE
    coincidence = sum(count * (count - 1) for count in letters.values()) / (total * (total - 1))
    if not 0.25 <= vowels <= 0.65 or coincidence < 0.05:
        return Layer.POOR
    return Layer.GOOD


def _shredded(text: str) -> bool:
    """Whether most tokens are single letters, as a failed recognition leaves them."""
    tokens = text.split()
    single = sum(len(token) == 1 and token.isalpha() and token.isascii() for token in tokens)
    return len(tokens) >= 20 and single > 0.4 * len(tokens)
