"""Finds labels among the words of a page; the longest that fits counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lineal_consumers.fields.definition import ClassFields
from lineal_consumers.fields.segments import Segment, Sheet, words_of

OTHER = ""
"""Stands for a label that is of none of the fields."""
_NUMBERED = frozenset(("no", "nr", "number", "id", "date", "#", "reference", "ref"))
"""Words that go on with a label: "Delivery note no."."""
_ANYWHERE_ELSE = frozenset(("no", "number", "from", "to", "date", "due", "account"))
"""Words that are labels where a stretch begins with them, and are parts of sentences else."""
NUMBER_OF_LABEL = re.compile(r"\(?(?:\d{1,2}|[a-z])[.)]")
"""As forms number their labels: "3.", "b)"."""
_LEARNT = 0.9
"""What a label counts that examples of other layouts have taught."""


class FoundLabel(NamedTuple):
    """A label in a segment."""

    field: str
    """:data:`OTHER`: of something else."""
    segment: Segment
    begin: int
    end: int
    """Words of the segment, ``tokens[begin:end]``."""
    score: float


class LabelFinder:
    """The labels of a class of document."""

    def __init__(self, declared: ClassFields, learnt: Mapping[str, Iterable[str]]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], str, float]]] = {}
        self._longest = 1
        for label in declared.other_labels:
            self._add(words_of(label), OTHER, 1.0)
        for name, labels in learnt.items():
            for label in labels:
                self._add(words_of(label), name, _LEARNT)
        for name, field in declared.fields.items():
            for label in (*field.labels, name.replace("_", " ")):
                self._add(words_of(label), name, 1.0)

    def _add(self, words: tuple[str, ...], field: str, weight: float) -> None:
        if not words:
            return
        words = tuple(map(_plain, words))
        kept = self._by_first.setdefault(words[0], [])
        kept[:] = [one for one in kept if one[0] != words or one[1] == field]
        kept.append((words, field, weight))
        self._longest = max(self._longest, len(words))

    def find(self, sheet: Sheet) -> list[FoundLabel]:
        """All labels on a page; where one is a part of another, the longer."""
        return [label for segment in sheet.segments for label in self._in_segment(segment)]

    def names(self, key: str, field: str) -> bool:
        """Whether the key of a pair is a label of a field."""
        words = [_bare(word) for word in key.split()]
        found = self._at(words, 0) if words else None
        return found is not None and found[0] == field and found[1] == len(words)

    def _in_segment(self, segment: Segment) -> list[FoundLabel]:
        words = [_bare(token.text) for token in segment.tokens]
        found: list[FoundLabel] = []
        # "3. Town" begins with its label all the same.
        first = 1 if len(words) > 1 and NUMBER_OF_LABEL.fullmatch(segment.tokens[0].text) else 0
        at = first
        while at < len(words):
            best = self._at(words, at)
            if best is None:
                at += 1
                continue
            field, count, weight = best
            if words[at] in _ANYWHERE_ELSE and count == 1 and at > first:
                at += 1
                continue
            while field == OTHER and at + count < len(words) and words[at + count] in _NUMBERED:
                count += 1
            ends = segment.tokens[at + count - 1].text.endswith((":", "."))
            whole = at == first and count == len(words) - first
            score = weight * (1.0 if whole else 0.95 if at == first else 0.8 if ends else 0.45)
            if at == first and not whole and count == 1 and not ends:
                score *= 0.9
            begin = 0 if at == first else at
            found.append(FoundLabel(field, segment, begin, at + count, score))
            at += count
        return found

    def _at(self, words: list[str], at: int) -> tuple[str, int, float] | None:
        best: tuple[str, int, float] | None = None
        for first in _variants(words[at]):
            for label, field, weight in self._by_first.get(first, ()):
                span = words[at + 1 : at + len(label)]
                if len(span) == len(label) - 1 and all(
                    one == other or is_near(one, other)
                    for one, other in zip(span, label[1:], strict=True)
                ):
                    length = len(label)
                    # A lonely "No." after the label belongs to it: "Invoice No. :"
                    if best is None or (length, weight) > best[1:]:
                        best = field, length, weight
        if best is None and len(words[at]) >= 6:
            for first, labels in self._by_first.items():
                if is_near(words[at], first):
                    for label, field, weight in labels:
                        span = words[at + 1 : at + len(label)]
                        if tuple(span) == label[1:] and (best is None or len(label) > best[1]):
                            best = field, len(label), weight * 0.95
        return best


def _bare(text: str) -> str:
    words = words_of(text)
    return _plain(words[0]) if words else ""


def _plain(word: str) -> str:
    """A word with one spelling for "number" and for apostrophes, which are printed in several."""
    return "no" if word in ("n°", "nº", "n\N{RING ABOVE}") else word.replace("’", "'")


def _variants(word: str) -> tuple[str, ...]:
    return (word,) if word != "nr" else ("nr", "no")


def is_near(one: str, other: str) -> bool:
    """Whether two words differ by one letter, as misread ones do; short ones have to be equal."""
    if abs(len(one) - len(other)) > 1 or min(len(one), len(other)) < 5:
        return False
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) <= 1
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))
