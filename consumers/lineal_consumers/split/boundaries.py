"""Says of each page of a file how likely a document begins with it.

Signals are what a person goes by who divides a stack of paper: page numbers, the head of the page,
a title, type and margins, the beginning and the end of a letter, words and reference numbers in
common with the pages before and after, and, where a model of classes is in use, whether both pages
are of one kind. They are weighed by a logistic regression.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.split.page_look import (
    MAX_TITLE,
    Look,
    Vocabulary,
    look_of,
    margin_difference,
    size_difference,
)
from lineal_learning.documents.terms import ReadDocument, ReadPage, words_of

if TYPE_CHECKING:
    from lineal_learning.documents.class_model import ClassModel

_COUNTED = re.compile(
    r"\b(?:page|pg\.?|seite|p\.)\s*(\d{1,4})\s*(?:of|/|von|de)\s*(\d{1,4})\b"
    r"|^\s*(\d{1,4})\s*(?:of|/|von)\s*(\d{1,4})\s*$",
    re.I | re.M,
)
_NUMBERED = re.compile(
    r"\b(?:page|pg\.?|seite)\s*(\d{1,4})\b|^\s*-\s*(\d{1,4})\s*-\s*$", re.I | re.M
)
_GREETING = re.compile(
    r"^\s*(?:dear|to whom|sehr geehrte|liebe|madame|monsieur|estimad)\b", re.I | re.M
)
_CLOSING = re.compile(
    r"\b(?:sincerely|regards|faithfully|mit freundlichen|cordialement|atentamente|signature)\b",
    re.I,
)
_REFERENCE = re.compile(r"\b(?=\w*\d\w*\d\w*\d)[\w/-]{5,}\b")
_HEAD = 0.14
"""Of the page."""
_COVER_WORDS, _COVER_SHARE = 40, 0.3
"""At most so many words, and of those that the file's pages have (the median)."""

SIGNALS = (
    "first_of_several", "continues", "further_number", "last_before", "references_shared",
    "greeting", "closing_before", "class_differs", "head_differs", "words_differ", "words_known",
    "words_taken_up", "next_known", "next_taken_up", "title", "title_before", "size_differs",
    "margins_differ", "foot_alike",
)  # fmt: skip
"""In this order."""
CHOSEN = (6.0, -6.0, -4.0, 4.0, -1.5, 1.0, 0.5, 0.6)
"""Weights of the first ones: page numbers, which decide wherever there are any, and what is not in
the stacks that the others are learnt on."""
LEARNT = (-1.6, 11.2, -9.0, 4.3, 7.9, -8.3, 3.3, -0.3, 2.9, 3.0, -1.5, -4.3)
"""Weights of the others, and the bias: ``python -m benchmarks.boundary_weights`` learns them."""


class _Numbers(NamedTuple):
    """What a page says of its number."""

    number: int | None = None
    of: int | None = None


def boundaries(document: ReadDocument, model: ClassModel | None = None) -> list[float]:
    """For each page but the first, the probability that a document begins with it."""
    *learnt, bias = LEARNT
    found = []
    behind_covers = _behind_covers(document)
    for signals, is_behind in zip(signals_of(document, model), behind_covers, strict=True):
        weighed = bias + sum(w * s for w, s in zip((*CHOSEN, *learnt), signals, strict=True))
        if is_behind:
            weighed = min(weighed, 0.0)  # what it looks like says nothing
        found.append(1 / (1 + math.exp(-max(-30.0, min(30.0, weighed)))))
    return found


def signals_of(document: ReadDocument, model: ClassModel | None = None) -> list[list[float]]:
    """For each page but the first, what speaks for and against (:data:`SIGNALS`)."""
    pages = document.pages
    numbers = [_numbers(page.text) for page in pages]
    words = [Counter(words_of(page.text)) for page in pages]
    classes = [_classes(page, model) for page in pages]
    looks = [look_of(page) for page in pages]
    vocabulary = Vocabulary(pages)
    rows = []
    for at in range(1, len(pages)):
        before, page = pages[at - 1], pages[at]
        last, now = numbers[at - 1], numbers[at]
        follows = (
            now.number is not None
            and last.number is not None
            and now.number == last.number + 1
            and now.of == last.of
        )
        further = now.number is not None and now.number > 1 and not follows
        shared = set(_REFERENCE.findall(before.text)) & set(_REFERENCE.findall(page.text))
        rows.append(
            [
                float(now.number == 1),
                float(follows),
                float(further),
                float(last.number is not None and last.number == last.of),
                float(bool(shared)),
                float(bool(_GREETING.search(page.text))),
                float(bool(_CLOSING.search(before.text))),
                _difference(classes[at - 1], classes[at]),
                1 - _likeness(_part(before, 0.0, _HEAD), _part(page, 0.0, _HEAD)),
                1 - _cosine(words[at - 1], words[at]),
                vocabulary.share_known(at, at - 1),
                vocabulary.share_known(at - 1, at),
                vocabulary.share_known(at + 1, at),
                vocabulary.share_known(at, at + 1),
                looks[at].title,
                looks[at - 1].title,
                size_difference(looks[at - 1], looks[at]),
                margin_difference(looks[at - 1], looks[at]),
                _shared(looks[at - 1].foot, looks[at].foot),
            ]
        )
    return rows


def _behind_covers(document: ReadDocument) -> list[bool]:
    """For each page but the first, whether it follows what looks like a title page, and does not
    say itself that it begins a document."""
    looks = [look_of(page) for page in document.pages]
    counts = [len(words_of(page.text)) for page in document.pages]
    usual = median(counts) if counts else 0.0
    return [
        _is_cover(document.pages[at - 1], looks[at - 1], counts[at - 1], usual)
        and not _begins(document.pages[at], looks[at])
        for at in range(1, len(document.pages))
    ]


def _is_cover(page: ReadPage, look: Look, count: int, usual: float) -> bool:
    """Whether a page looks like the title page of what follows: few words, some of them large. What
    is a document of one page, such as a certificate, can look so, too."""
    return (
        0 < count <= min(_COVER_WORDS, _COVER_SHARE * usual)
        and look.title >= MAX_TITLE
        and not (_GREETING.search(page.text) or _CLOSING.search(page.text))
    )


def _begins(page: ReadPage, look: Look) -> bool:
    first = _numbers(page.text).number == 1
    return first or look.title >= MAX_TITLE or bool(_GREETING.search(page.text))


def _numbers(text: str) -> _Numbers:
    counted = _COUNTED.search(text)
    if counted is not None:
        number, count = (int(each) for each in counted.groups() if each is not None)
        return _Numbers(number, count) if 1 <= number <= count else _Numbers()
    numbered = _NUMBERED.search(text)
    if numbered is None:
        return _Numbers()
    return _Numbers(int(numbered.group(1) or numbered.group(2)))


def _classes(page: ReadPage, model: ClassModel | None) -> dict[str, float]:
    if model is None:
        return {}
    return model.probabilities(ReadDocument((page,)))


def _difference(one: dict[str, float], other: dict[str, float]) -> float:
    """Total variation between what two pages are like, 0 to 1."""
    return sum(abs(share - other[name]) for name, share in one.items()) / 2


def _part(page: ReadPage, top: float, bottom: float) -> set[str]:
    """The words of a part of a page; of a page without places, of its first lines."""
    if page.words:
        kept = " ".join(word.text for word in page.words if top <= word.top < bottom)
    else:
        kept = "\n".join(page.text.splitlines()[:4])
    return set(words_of(kept))


def _likeness(one: set[str], other: set[str]) -> float:
    """Jaccard's; pages without a head are alike in that."""
    return len(one & other) / len(one | other) if one | other else 1.0


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's; pages without a foot share none."""
    return len(one & other) / len(one | other) if one and other else 0.0


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    product = sum(math.log1p(count) * math.log1p(other[word]) for word, count in one.items())
    length = math.sqrt(_square(one) * _square(other))
    return product / length if length else 0.0


def _square(words: Counter[str]) -> float:
    return sum(math.log1p(count) ** 2 for count in words.values())
