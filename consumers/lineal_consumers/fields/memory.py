"""What corrected documents have taught: around what a value stands, on pages of which layout.

The memory holds no values, but for senders: only the words around a value, its shape, its place,
and the layout of the page as digests of its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from lineal_consumers.fields.segments import Segment, Sheet, Token, words_of
from lineal_consumers.fields.values import shape_of
from lineal_schemas.fields import FieldName

SAME_LAYOUT = 0.45
"""How similar two pages are that are of one layout: Jaccard's index of their marks; pages of
different senders of one class stay under 0.42."""
_COLUMNS, _ROWS = 12, 18
_HEAD = 0.35
"""Down to there a page hardly changes from one document of a sender to the next."""
_LONGEST_LABEL = 5
_ALIGNMENT = 0.02


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Surroundings(_Kept):
    """What stands around a value; edges in fractions of the page."""

    prefix: str
    """In the same stretch of text, before it."""
    left: str
    """The stretch left of it."""
    above: str
    """The stretch above it."""
    shape: str
    begins: float
    ends: float
    top: float
    page: int
    last: bool
    """Whether it is on the last page."""


class TaughtField(_Kept):
    """What an example teaches about one field."""

    name: FieldName
    absent: bool = False
    """A person has said that the document has no such value."""
    surroundings: Surroundings | None = None
    """None where the value is not written on the page."""
    sender: str | None = None
    """The value, if it says who has sent the document."""


class Example(_Kept):
    """A document that a person has corrected."""

    document_id: str
    document_class: str
    layout: tuple[str, ...]
    fields: tuple[TaughtField, ...]


class Memory(_Kept):
    """All examples, the oldest first: the model's file."""

    examples: tuple[Example, ...] = ()

    def without(self, document_id: str) -> Memory:
        """The memory as if one document had never been seen."""
        return Memory(
            examples=tuple(one for one in self.examples if one.document_id != document_id)
        )

    def labels(self, document_class: str) -> dict[str, set[str]]:
        """Words that examples of whatever layout have had left of a value or above it."""
        found: dict[str, set[str]] = {}
        for example in self.examples:
            if example.document_class != document_class:
                continue
            for field in example.fields:
                around = field.surroundings
                if around is None or field.sender is not None:
                    continue
                near = around.prefix or around.left or around.above
                words = words_of(near)
                if near and len(words) <= _LONGEST_LABEL and near[-1:].isalpha():
                    found.setdefault(field.name, set()).add(" ".join(words))
        return found

    def alike(self, layout: Iterable[str], document_class: str) -> list[tuple[float, Example]]:
        """Examples of the same layout, the most similar first."""
        marks = frozenset(layout)
        found = []
        for example in self.examples:
            if example.document_class != document_class:
                continue
            similarity = likeness(marks, example.layout)
            if similarity >= SAME_LAYOUT:
                found.append((similarity, example))
        return sorted(found, key=lambda pair: -pair[0])


def likeness(marks: frozenset[str], others: Sequence[str]) -> float:
    """Jaccard's index: the share that two pages have in common of the marks of both."""
    if not marks or not others:
        return 0.0
    common = sum(mark in marks for mark in others)
    return common / (len(marks) + len(others) - common)


def layout_of(sheets: Sequence[Sheet]) -> tuple[str, ...]:
    """The marks of a document's layout: the words of its first page with where they stand, as
    digests; without words that hold digits, which change from one document to the next."""
    if not sheets:
        return ()
    sheet = sheets[0]
    marks = set()
    for segment in sheet.segments:
        for token in segment.tokens:
            word = "".join(letter for letter in token.text.casefold() if letter.isalnum())
            if len(word) < 2 or any(letter.isdigit() for letter in word):
                continue
            # The left edge of the stretch, not of the word: what stands before it may change.
            across = round(segment.left / sheet.width * _COLUMNS)
            down = token.top / sheet.height
            place = f"{across}/{round(down * _ROWS)}" if down < _HEAD else f"{across}/-"
            marks.add(blake2b(f"{word} {place}".encode(), digest_size=5).hexdigest())
    return tuple(sorted(marks))


class Place(NamedTuple):
    """Where a possible value stands."""

    sheet: Sheet
    segment: Segment
    tokens: list[Token]
    begin: int
    """In the text of the segment."""
    pages: int
    """Of the document."""

    def surroundings(self, value: str) -> Surroundings:
        """What stands around it."""
        left = self.sheet.left_of(self.segment)
        above = self.sheet.above(self.segment)
        return Surroundings(
            prefix=_words(self.segment.text[: self.begin]),
            left="" if left is None else _words(left.text),
            above="" if above is None else _words(above.text),
            shape=shape_of(value),
            begins=round(self.tokens[0].left / self.sheet.width, 4),
            ends=round(self.tokens[-1].right / self.sheet.width, 4),
            top=round(self.tokens[0].top / self.sheet.height, 4),
            page=self.sheet.number,
            last=self.sheet.number == self.pages,
        )


def _words(text: str) -> str:
    """Words around a value without numbers, which change."""
    return " ".join(
        word for word in words_of(text) if not any(letter.isdigit() for letter in word)
    )[:120]


def agreement(taught: Surroundings, found: Surroundings) -> float:
    """How well a possible value stands where an example had its value, from 0 to 1.

    What stands before it and left of it says most, then what is above, whether it begins or ends at
    the same edge, its height on the page, and its shape.
    """
    if (taught.page == 1) != (found.page == 1) and not (taught.last and found.last):
        return 0.0
    points, of = 0.0, 0.0
    for weight, one, other in (
        (3.0, taught.prefix, found.prefix),
        (3.0, taught.left, found.left),
        (1.5, taught.above, found.above),
    ):
        if one or other:
            share = _alike(one, other)
            # What is not there teaches less than what is.
            weight = weight if one else weight / 2
            points, of = points + weight * share, of + weight
    edge = min(abs(taught.begins - found.begins), abs(taught.ends - found.ends))
    for weight, share in (
        (1.5, max(0.0, 1 - edge / _ALIGNMENT)),
        (1.5, max(0.0, 1 - abs(taught.top - found.top) / 0.12)),
        (1.0, _shape_alike(taught.shape, found.shape)),
    ):
        points, of = points + weight * share, of + weight
    return points / of


def _shape_alike(one: str, other: str) -> float:
    if one == other:
        return 1.0
    return 0.5 if one[:1] == other[:1] else 0.0


def _alike(one: str, other: str) -> float:
    if one == other:
        return 1.0
    first, second = set(one.split()), set(other.split())
    if not first or not second:
        return 0.0
    return len(first & second) / len(first | second)
