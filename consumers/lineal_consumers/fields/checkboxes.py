"""Boxes and circles to tick, and which label each belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.fields.drawn import Mark
from lineal_consumers.fields.page_labels import Place, Words

if TYPE_CHECKING:
    from lineal_consumers.fields.drawn import Pixels

_MIN_SIDE, _MAX_SIDE = 10, 44
"""Of a checkbox, in pixels."""
_MIN_CIRCLE = 14
"""Of a circle: smaller ones are letters."""
_MIN_TICK = 0.05
"""Ink in a ticked box, of its inner part."""
_YES = frozenset(("yes", "ja", "oui", "true"))
_NO = frozenset(("no", "nein", "non", "false"))


def checkboxes(ink: Pixels) -> Iterator[Mark]:
    """Small squares of four straight sides, and circles, from top to bottom, and whether something
    is in them."""
    seen = [*_squares(ink)]
    seen += [
        circle
        for circle in _circles(ink)
        if not any(_is_near(circle, one, max(circle.width, one.width)) for one in seen)
    ]
    yield from sorted(seen, key=lambda one: (one.top, one.left))


def _is_near(one: Mark, other: Mark, reach: float) -> bool:
    return abs(one.left - other.left) < reach and abs(one.top - other.top) < reach


def _squares(ink: Pixels) -> Iterator[Mark]:
    """Only straight lines are kept first: what ticks a box, or crosses it out, is not straight."""
    import cv2

    side = cv2.MORPH_RECT
    length = _MIN_SIDE - 2
    lines = cv2.bitwise_or(
        cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(side, (length, 1))),
        cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(side, (1, length))),
    )
    contours, _ = cv2.findContours(lines, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    seen: list[Mark] = []
    for contour in contours:
        left, top, width, height = cv2.boundingRect(contour)
        if not (_MIN_SIDE <= width <= _MAX_SIDE and 0.8 <= width / height <= 1.25):
            continue
        if cv2.contourArea(contour) < 0.7 * (width - 1) * (height - 1):
            continue
        box = lines[top : top + height, left : left + width]
        edge = max(2, width // 8)
        sides = (box[:edge].max(axis=0), box[-edge:].max(axis=0), box[:, :edge].max(axis=1),
                 box[:, -edge:].max(axis=1))  # fmt: skip
        if min(float((one > 0).mean()) for one in sides) < 0.8:
            continue
        inset = max(edge + 1, round(0.22 * width))
        inner = ink[top + inset : top + height - inset, left + inset : left + width - inset]
        share = float((inner > 0).mean()) if inner.size else 0.0
        made = Mark(left, top, width, height, share > _MIN_TICK, _certainty(share))
        if not any(_is_near(made, one, _MIN_SIDE) for one in seen):
            seen.append(made)
            yield made


def _circles(ink: Pixels) -> Iterator[Mark]:
    """Rings that stand alone: beside a letter that is round there are others."""
    import cv2
    import numpy as np

    contours, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        left, top, width, height = cv2.boundingRect(contour)
        if not (_MIN_CIRCLE <= width <= _MAX_SIDE and 0.88 <= width / height <= 1.14):
            continue
        (x, y), radius = cv2.minEnclosingCircle(contour)
        if cv2.contourArea(contour) < 0.8 * np.pi * radius * radius:
            continue
        away = round(0.4 * width)
        beside = (
            ink[top : top + height, max(0, left - away) : max(0, left - 2)],
            ink[top : top + height, left + width + 2 : left + width + away],
        )
        if any(float((side > 0).mean()) > 0.02 for side in beside if side.size):
            continue
        down, across = np.ogrid[top : top + height, left : left + width]
        distance = np.hypot(down - y, across - x) / radius
        inside = ink[top : top + height, left : left + width] > 0
        # Of a ring there is hardly any ink between its line and a dot in its middle.
        gap = float(inside[(distance > 0.62) & (distance < 0.72)].mean())
        share = float(inside[distance < 0.5].mean())
        if gap > 0.5 and share < 0.9:
            continue
        yield Mark(left, top, width, height, share > _MIN_TICK, _certainty(share))


def _certainty(share: float) -> float:
    """How sure it is whether a box is ticked: one with hardly any ink in it may be dirty."""
    return 0.95 if share < 0.01 or share > 0.1 else 0.6


class _Box(NamedTuple):
    """A box, its place on the page, and the word right of it."""

    mark: Mark
    place: Place
    word: tuple[str, ...] | None
    """None: nothing stands close to it."""


def box_of_label(
    labels: Sequence[tuple[str, ...]], words: Words, marks: Sequence[Mark], scale: float
) -> Mark | None:
    """The box that is ticked or not for a label: right before it, right after it, or of several
    after it the one for yes.

    Args:
        scale: pixels of a point.
    """
    boxes = [_box(mark, words, scale) for mark in marks]
    for label in labels:
        for place in words.find(label) if label else ():
            row = [box for box in boxes if words.in_line(place, box.place)]
            found = (
                _before(place, row, words)
                or _yes_or_no(place, row, words)
                or _after(place, row, words)
            )
            if found is not None:
                return found
    return None


def _box(mark: Mark, words: Words, scale: float) -> _Box:
    left, top = mark.left / scale, mark.top / scale
    place = words.at(left, top, left + mark.width / scale, top + mark.height / scale)
    # A box is often read as a part of the word behind it, which then begins with the box.
    behind = (
        (said, one)
        for said, one in words
        if one.left > place.left - place.height
        and one.right > place.right + 0.25 * words.height
        and words.in_line(place, one)
    )
    said, one = min(behind, key=lambda item: item[1].left, default=(None, place))
    if said is None or one.left - place.right > 2.5 * words.height:
        return _Box(mark, place, None)
    return _Box(mark, place, said)


def _before(label: Place, row: Sequence[_Box], words: Words) -> Mark | None:
    """The box after which the label begins, or with which its first word was read."""
    near = [
        box
        for box in row
        if box.place.left - box.place.height < label.left < box.place.right + 2.5 * words.height
        and label.right > box.place.right + words.height
        and not any(
            box.place.right - 1 < one.left < label.left - 1 and words.in_line(label, one)
            for _, one in words
        )
    ]
    found = max(near, key=lambda box: box.place.left, default=None)
    return None if found is None else found.mark


def _yes_or_no(label: Place, row: Sequence[_Box], words: Words) -> Mark | None:
    """``Married: [ ] yes [x] no``, the words behind the boxes or at the head of their columns."""
    yes: Mark | None = None
    no: Mark | None = None
    for box in row:
        if box.place.left < label.right - 2:
            continue
        said = (box.word or ("",))[0]
        if said not in _YES and said not in _NO:
            said = _head(box, words)
        if said in _YES and yes is None:
            yes = box.mark
        elif said in _NO and no is None:
            no = box.mark
    if yes is not None and no is not None and yes.ticked == no.ticked:
        return yes._replace(sure=0.4)  # neither was ticked, or both
    if yes is not None or no is None:
        return yes
    other = [box.mark for box in row if box.place.left > label.right - 2 and box.mark != no]
    if len(other) == 1:
        return other[0] if other[0].ticked != no.ticked else other[0]._replace(sure=0.4)
    return no._replace(ticked=not no.ticked, sure=0.6)


def _head(box: _Box, words: Words) -> str:
    """Yes or no over a box, at the head of its column; empty where there is none."""
    middle = (box.place.left + box.place.right) / 2
    found = ""
    nearest = float("inf")
    for said, place in words:
        away = box.place.level - place.level
        within = place.left - words.height <= middle <= place.right + words.height
        if within and 0 < away < nearest and said[0] in _YES | _NO:
            found, nearest = said[0], away
    return found


def _after(label: Place, row: Sequence[_Box], words: Words) -> Mark | None:
    """The box behind the label, that has no words of its own."""
    for box in sorted(row, key=lambda one: one.place.left):
        if box.place.left < label.right - 2:
            continue
        between = any(
            label.right - 1 < place.left < box.place.left - 3 and words.in_line(label, place)
            for _, place in words
        )
        return None if box.word is not None or between else box.mark
    return None
