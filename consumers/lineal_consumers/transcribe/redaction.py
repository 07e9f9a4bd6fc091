"""Spoken personal data in a transcript: numbers and names are put out of sight, by rules.

Decisions are final. A number may yet grow into that of a card, so its words are neither shown nor
stable until it has ended; a name is one because of the words before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from lineal_consumers.transcribe.stabilisation import RecognizedWord

_DIGITS = {
    "zero": 1, "oh": 1, "o": 1, "one": 1, "two": 1, "three": 1, "four": 1, "five": 1, "six": 1,
    "seven": 1, "eight": 1, "nine": 1, "ten": 2, "eleven": 2, "twelve": 2, "thirteen": 2,
    "fourteen": 2, "fifteen": 2, "sixteen": 2, "seventeen": 2, "eighteen": 2, "nineteen": 2,
    "twenty": 2, "thirty": 2, "forty": 2, "fifty": 2, "sixty": 2, "seventy": 2, "eighty": 2,
    "ninety": 2, "hundred": 2, "thousand": 3, "double": 1, "triple": 2,
}  # fmt: skip
"""How many digits a word stands for, about."""
_TENS = frozenset(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
_WITHIN_NUMBERS = frozenset(["uh", "um", "dash", "hyphen", "plus", "and", "space", "point", "dot"])
_MIN_DIGITS = 5
"""Shorter numbers (years, prices, rooms) are shown."""
_MIN_CARD_DIGITS, _MIN_PHONE_DIGITS = 13, 7
_NAME_CUES = (
    ("my", "name", "is"), ("my", "name's"), ("name", "is"), ("this", "is"), ("i", "am"), ("i'm",),
    ("mister",), ("mr",), ("mrs",), ("missus",), ("ms",), ("miss",), ("doctor",), ("dr",),
    ("surname", "is"), ("called",),
)  # fmt: skip
_MAX_NAME_WORDS = 2
_NO_NAMES = frozenset(
    ["a", "an", "the", "not", "very", "so", "and", "or", "but", "from", "in", "on", "at", "to",
     "for", "of", "with", "calling", "sorry", "afraid", "sure", "here", "there", "going", "just",
     "really", "still", "your", "my", "our", "his", "her", "their", "it", "what", "that", "this",
     "about", "is", "was", "i", "you", "we", "they", "he", "she", "all", "good", "fine", "glad",
     "happy", "looking", "trying", "having", "why", "how", "when", "where", "who", "because", "if"]
)  # fmt: skip
"""Words after "this is" or "I am" that begin no name, and that end one."""


class ShownWord(NamedTuple):
    """A word as it is shown."""

    word: RecognizedWord
    stable: bool


def redacted(
    stable: Sequence[RecognizedWord], tail: Sequence[RecognizedWord], *, ended: bool
) -> tuple[list[ShownWord], Counter[str]]:
    """The words of an utterance without personal data, and how many of which kind there were.

    Args:
        stable: what will not change; whatever is added to it, what is shown of it as stable stays.
        tail: what may change.
        ended: the utterance has, and with it a number at its end.
    """
    words = [*stable, *tail]
    shown: list[ShownWord] = []
    kinds: Counter[str] = Counter()
    place = 0
    while place < len(words):
        if words[place].text in _DIGITS or words[place].text.isdigit():
            end = _number_end(words, place)
            # One that the stable words do not end may go on.
            decided = ended or (end < len(stable))
            run = words[place:end]
            kind = _kind_of_number(_digit_count(run))
            if kind is not None and decided:
                kinds[kind] += 1
            hidden = kind or ("" if decided else "number")
            for offset, word in enumerate(run):
                sight = _mask(word, hidden) if hidden else word
                shown.append(ShownWord(sight, decided and place + offset < len(stable)))
            place = end
            continue
        length = _name_length(words, place)
        if length:
            for offset, word in enumerate(words[place : place + length]):
                shown.append(ShownWord(_mask(word, "name"), place + offset < len(stable)))
            kinds["name"] += 1
            place += length
            continue
        shown.append(ShownWord(words[place], place < len(stable)))
        place += 1
    return shown, kinds


def _mask(word: RecognizedWord, kind: str) -> RecognizedWord:
    return word._replace(text=f"[{kind}]", punctuated=f"[{kind}]" if word.punctuated else "")


def _digits(word: RecognizedWord) -> int:
    return len(word.text) if word.text.isdigit() else _DIGITS.get(word.text, 0)


def _digit_count(run: Sequence[RecognizedWord]) -> int:
    """Of a whole number; "eighty four" are two."""
    counts = [_digits(word) for word in run]
    within_tens = sum(
        before.text in _TENS and count == 1 for before, count in zip(run, counts[1:], strict=False)
    )
    return sum(counts) - within_tens


def _number_end(words: Sequence[RecognizedWord], place: int) -> int:
    """Behind the last word of the number that begins here; fillers within it belong to it, also
    those at its end, behind which it may go on."""
    while place < len(words) and (_digits(words[place]) or words[place].text in _WITHIN_NUMBERS):
        place += 1
    return place


def _kind_of_number(digits: int) -> str | None:
    if digits >= _MIN_CARD_DIGITS:
        return "card"
    if digits >= _MIN_PHONE_DIGITS:
        return "phone"
    return "number" if digits >= _MIN_DIGITS else None


def _name_length(words: Sequence[RecognizedWord], place: int) -> int:
    """How many words from here are a name, by what stands before them."""
    before = tuple(word.text for word in words[max(0, place - 3) : place])
    if not any(before[-len(cue) :] == cue for cue in _NAME_CUES):
        return 0
    length = 0
    while (
        length < _MAX_NAME_WORDS
        and place + length < len(words)
        and words[place + length].text not in _NO_NAMES
        and not _digits(words[place + length])
    ):
        length += 1
    return length
