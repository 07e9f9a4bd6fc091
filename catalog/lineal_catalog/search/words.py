"""A text's words as FTS5 sees them (``unicode61 remove_diacritics 2``), so that a search finds the
same pages in every store: letters and digits in a row, without case and without diacritics.

In scripts that put no spaces between words (Chinese, Japanese, Thai, ...), and in Korean, where
particles are joined to them, every character is a word, and a word that is searched for is a
phrase: parts of words are found, and no dictionary is needed.

Made here and not by Postgres: its own parser takes URLs, paths and numbers with a sign for words,
and its extension ``unaccent`` is not for everybody to create.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_DIACRITICS = "\u0300-\u036f"
_POINTS = (
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
)
"""Vowels and signs over and under letters, which most texts are written without, and the stroke by
which Arabic words are stretched."""
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th",
     "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ہ": "ه"}
)  # fmt: skip
"""Letters that people type for others: those with strokes, for which Unicode has no diacritic, and
those of Arabic that are written in several ways."""
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao, Burmese, Khmer
    "\u3005\u3007\u3041-\u30ff\u3105-\u312d\u31f0-\u31ff"  # kana, bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"  # Chinese characters
    "\uac00-\ud7a3"  # Korean syllables
)
_JOINED = rf"(?![{_UNSPACED}])[^\W_]"
_WORD = re.compile(rf"(?=[{_UNSPACED}])[^\W_]|{_JOINED}(?:{_JOINED}|[{_DIACRITICS}{_POINTS}])*")
_EARLIER_WORD = re.compile(rf"(?=[{_UNSPACED}])[^\W_]|{_JOINED}(?:{_JOINED}|[{_DIACRITICS}])*")
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_DIACRITIC = re.compile(f"[{_DIACRITICS}]")
_MARK = re.compile(f"[{_DIACRITICS}{_POINTS}]")
_DIGITS = re.compile(r"(?![0-9])\d")
_MANY = 0.1
"""Share of words."""
_LATER_CASES = "\u1c80"
"""From here on there are capital letters that FTS5's Unicode 6.1 did not know."""
_LONGEST = 500
"""In characters, well below the 2,046 bytes that a lexeme may have. What is longer is cut."""


BREAK = "\u200b"
"""Stands in stored text between words that no space separates: a zero width space."""
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens, and characters that only say where a line may or may not be broken."""
_RADICALS = str.maketrans(
    "⺁⺄⺟⺠⺪⺫⺼⻁⻄⻅⻉⻋⻑⻒⻓⻔⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻫⻬⻭⻮⻯⻰⻱⻲⻳",
    "厂乙母民疋目月虎西见贝车長長长门青韦页风飞食马骨鬼鱼鸟卤麦黄斉齐歯齿竜龙龟亀龟",
)
"""CJK radicals that PDFs have in the place of the characters they look like; NFKC does this for the
Kangxi radicals only. Source: Unicode's EquivalentUnifiedIdeograph.txt."""


_DIVIDED = re.compile(r"[^\W\d_]+(?:[-\u2010][^\S\n]*\n\s*[^\W\d_]+)+")
"""A word with its parts at the end of a line and the begin of the next."""
_BETWEEN = re.compile(r"[-\u2010]\s*\n\s*")


class Word(NamedTuple):
    """A word in a text."""

    lexeme: str
    begin: int
    end: int


def searchable(text: str) -> str:
    """A text as it is indexed and searched for: ligatures, full width forms, radicals and
    characters made of several code points as their usual ones (NFKC), without soft hyphens."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).translate(_RADICALS))


def separate_words(text: str) -> str:
    """A text with a :data:`BREAK` around each character that is a word of its own."""
    if text.isascii():
        return text
    return _UNSPACED_CHARACTER.sub(rf"{BREAK}\g<0>{BREAK}", text)


def is_unspaced(text: str) -> bool:
    """Whether a tenth of a text or more are characters that are words of their own."""
    return not text.isascii() and len(_UNSPACED_CHARACTER.findall(text)) * 10 >= len(text)


def words(text: str) -> Iterator[Word]:
    """The words with their positions."""
    for match in _WORD.finditer(text):
        yield Word(fold(match[0]), match.start(), match.end())


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """A word as it is compared."""
    word = word[:_LONGEST]
    if word.isascii():
        return word.lower()
    # Before letters are compared without case: an iota under another letter is a mark.
    bare = _MARK.sub("", unicodedata.normalize("NFD", word)).casefold()
    bare = _MARK.sub("", unicodedata.normalize("NFD", bare)).translate(_LETTERS)
    folded = unicodedata.normalize("NFC", bare)[:_LONGEST]
    return "".join(map(_digit, folded)) if _DIGITS.search(folded) else folded


def _digit(character: str) -> str:
    return str(unicodedata.decimal(character, character))


def former_lexemes(text: str) -> list[str]:
    """The words as they were compared before points and letters of several forms were seen to:
    entries of earlier versions have them."""
    return [_fold_diacritics(word) for word in _EARLIER_WORD.findall(text)]


def _fold_diacritics(word: str) -> str:
    word = word[:_LONGEST]
    if word.isascii():
        return word.lower()
    bare = _DIACRITIC.sub("", unicodedata.normalize("NFD", word.casefold()))
    return unicodedata.normalize("NFC", bare)[:_LONGEST]


def extra_lexemes(text: str) -> list[str]:
    """The words of a text that FTS5, which knows the diacritics of Latin letters only, does not
    fold as :func:`fold` does; where they are many, all of its words in their order, so that phrases
    are found as well."""
    found = lexemes(text)
    if text.isascii():
        return []
    missed = [
        lexeme
        for word, lexeme in zip(_WORD.findall(text), found, strict=True)
        if not word.isascii() and not _folds_alike(word, lexeme)
    ]
    if len(missed) > _MANY * len(found):
        return found
    return list(dict.fromkeys(missed))


@lru_cache(maxsize=65_536)
def _folds_alike(word: str, lexeme: str) -> bool:
    if word.lower() == lexeme and max(word) < _LATER_CASES:
        return True
    bare = _DIACRITIC.sub("", unicodedata.normalize("NFD", word.lower()))
    return bare.isascii() and bare == lexeme


def lexemes(text: str) -> list[str]:
    """The words as they are compared, in order."""
    return [fold(word) for word in _WORD.findall(text)]


def divided_words(text: str) -> list[Word]:
    """The words that a line divides by a hyphen, as wholes."""
    return [
        Word(fold(_BETWEEN.sub("", match[0])), match.start(), match.end())
        for match in _DIVIDED.finditer(text)
    ]
