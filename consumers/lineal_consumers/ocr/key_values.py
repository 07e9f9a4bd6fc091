"""Labelled values of forms: ``Name: value``, the value right of its label or under it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from lineal_consumers.ocr.layout import Frame, Line, PositionedWord
from lineal_schemas.results import KeyValue

_MAX_KEY_WORDS = 6
_MAX_KEY_CHARACTERS = 50
_MAX_VALUE_CHARACTERS = 200
_LETTER = re.compile(r"[^\W\d_]")
_FILLER = re.compile(r"^[_.…\-=|]{2,}$")
"""Dots and dashes to write on."""

_CAPTION = re.compile(
    r"(table|figure|fig\.|chapter|section|part|appendix) [\dIVX.]+:", re.IGNORECASE
)

Segment = list[PositionedWord]


def key_values(lines: list[Line], frame: Frame) -> tuple[KeyValue, ...]:
    """The labelled values among the lines of a page.

    A label ends with a colon and has at most six words. Its value is what follows in the same
    stretch of the line, or the next stretch to the right, or the one just under the label.
    """
    if not any(word.text[-1:] == ":" for line in lines for word in line.words):
        return ()
    rows = _rows(lines)
    found: list[KeyValue] = []
    used: set[int] = set()
    for number, row in enumerate(rows):
        for place, segment in enumerate(row):
            if id(segment) in used:
                continue
            for key, value in _pairs(segment):
                if not value:
                    target = _value_elsewhere(rows, number, place, key)
                    if target is None or id(target) in used:
                        continue
                    used.add(id(target))
                    value = target
                made = _key_value(key, value, frame)
                if made is not None:
                    found.append(made)
    return tuple(found)


def _ends_label(word: PositionedWord) -> bool:
    return word.text.endswith(":")


def _rows(lines: list[Line]) -> list[list[Segment]]:
    """Lines cut at wide gaps, those of equal height side by side in one row, from top to bottom:
    columns of a form are often separate lines to the engine that read it."""
    segments: list[Segment] = []
    for line in lines:
        words = [word for word in line.words if not _FILLER.match(word.text)]
        if not words:
            continue
        segments.append(words[:1])
        for before, word in pairwise(words):
            gap = max(before.height, word.height) * 1.5
            if -gap <= word.left - before.right <= gap:
                segments[-1].append(word)
            else:
                segments.append([word])
    segments.sort(key=_middle)
    rows: list[list[Segment]] = []
    for segment in segments:
        limit = 0.5 * max(word.height for word in segment)
        if rows and abs(_middle(segment) - _middle(rows[-1][0])) < limit:
            rows[-1].append(segment)
        else:
            rows.append([segment])
    for row in rows:
        row.sort(key=lambda segment: segment[0].left)
    return rows


def _middle(segment: Segment) -> float:
    return (segment[0].top + segment[0].bottom) / 2


def _pairs(segment: Segment) -> Iterable[tuple[Segment, Segment]]:
    """Label and value, which may be empty, for each label in a stretch of words."""
    colons = [index for index, word in enumerate(segment) if _ends_label(word)]
    begin = 0
    for position, colon in enumerate(colons):
        key = segment[begin : colon + 1]
        end = len(segment)
        if position + 1 < len(colons):
            end = _next_label(segment, colon, colons[position + 1])
        begin = end
        if _is_label(key):
            yield key, segment[colon + 1 : end]


def _next_label(segment: Segment, colon: int, next_colon: int) -> int:
    """Where the label before ``next_colon`` begins: after the widest gap."""
    gaps = [
        (segment[index].left - segment[index - 1].right, index)
        for index in range(colon + 1, next_colon + 1)
    ]
    return max(gaps)[1]


def _is_label(words: Segment) -> bool:
    text = " ".join(word.text for word in words)
    return (
        len(words) <= _MAX_KEY_WORDS
        and len(text) <= _MAX_KEY_CHARACTERS
        and _LETTER.search(text) is not None
        and not _CAPTION.fullmatch(text)
    )


def _is_prose(key: Segment, value: Segment) -> bool:
    """Whether the colon stands in a sentence: labels of several words begin with a capital letter,
    and values of several words seldom begin with a small one."""
    small_key = len(key) > 2 and key[0].text[0].islower()
    return small_key or (len(value) > 3 and value[0].text[0].islower())


def _value_elsewhere(
    rows: list[list[Segment]], number: int, place: int, key: Segment
) -> Segment | None:
    row = rows[number]
    if place + 1 < len(row):
        right = row[place + 1]
        if not any(_ends_label(word) for word in right):
            return right
    for below in rows[number + 1 : number + 3]:
        for segment in below:
            first = segment[0]
            gap = first.top - key[0].bottom
            near = -0.3 * key[0].height <= gap <= 1.5 * key[0].height
            if near and abs(first.left - key[0].left) <= 2 * key[0].height:
                return None if any(_ends_label(word) for word in segment) else segment
    return None


def _key_value(key: Segment, value: Segment, frame: Frame) -> KeyValue | None:
    text = " ".join(word.text for word in value)
    if len(text) > _MAX_VALUE_CHARACTERS or _is_prose(key, value):
        return None
    words = [*key, *value]
    return KeyValue(
        key=" ".join(word.text for word in key).rstrip(": "),
        value=text,
        confidence=round(sum(word.confidence for word in words) / len(words), 3),
        key_box=frame.box_around(key),
        value_box=frame.box_around(value),
    )
