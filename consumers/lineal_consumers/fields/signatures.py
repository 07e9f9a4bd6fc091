"""Signatures: writing beside their label that is no text and no line to write on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.fields.drawn import Drawn, Mark
from lineal_consumers.fields.page_labels import Place, Words

if TYPE_CHECKING:
    from lineal_consumers.fields.drawn import Pixels

_NEAR = 0.07
"""How far over its label, right of it or in a frame under it a signature is looked for: of the
page's height."""
_READ_WITH_DOUBT = 0.6
_READ_FOR_CERTAIN = 0.9


class _Region(NamedTuple):
    """A part of the page, in pixels."""

    left: int
    top: int
    right: int
    bottom: int


def signature(labels: Sequence[tuple[str, ...]], drawn: Drawn, words: Words) -> Mark | None:
    """Writing over a label, right of it, or under it in a frame; where the label is on the page and
    nothing is there, a mark that is not ticked."""
    place = next((found[0] for label in labels if label and (found := words.find(label))), None)
    if place is None:
        return None
    scale = drawn.scale
    # A frame first: what stands over it is of something else.
    frame = _frame(place, drawn)
    if frame is not None:
        written = _writing(frame, drawn, words)
        if written is not None:
            return written
    written = _writing(_beside(place, drawn), drawn, words)
    if written is not None:
        return written
    return Mark(
        round(place.left * scale), round(place.top * scale),
        round((place.right - place.left) * scale), round(place.height * scale), False, 0.8,
    )  # fmt: skip


def _beside(place: Place, drawn: Drawn) -> _Region:
    height, width = drawn.ink.shape
    scale, reach = drawn.scale, _NEAR * height
    left = max(0, round(place.left * scale - 10))
    return _Region(
        left,
        max(0, round(place.top * scale - reach)),
        min(width, left + round(0.5 * width)),
        min(height, round(place.bottom * scale + 0.25 * reach)),
    )


def _frame(place: Place, drawn: Drawn) -> _Region | None:
    """The frame in which the label stands at the top, or that begins right under it."""
    import cv2

    height, width = drawn.ink.shape
    scale = drawn.scale
    top = round(place.bottom * scale)
    bottom = min(height, round(top + 1.2 * _NEAR * height))
    edge = cv2.morphologyEx(
        drawn.ink[top:bottom],
        cv2.MORPH_OPEN,
        cv2.getStructuringElement(cv2.MORPH_RECT, (1, max(12, height // 80))),
    )
    left = round(place.left * scale)
    sides = edge.max(axis=0) > 0
    begin = next((x for x in range(left + 4, max(0, left - 40), -1) if sides[x]), None)
    if begin is None:
        return None
    end = next((x for x in range(begin + width // 10, width) if sides[x]), None)
    if end is None:
        return None
    rows = (edge[:, max(0, begin - 3) : begin + 4].max(axis=1) > 0).nonzero()[0]
    return _Region(begin + 4, top + int(rows[0]), end - 3, top + int(rows[-1]) - 2)


def _writing(region: _Region, drawn: Drawn, words: Words) -> Mark | None:
    """The largest stretch of writing in a part of the page."""
    import cv2
    import numpy as np

    height, width = drawn.ink.shape
    ink = drawn.ink[region.top : region.bottom, region.left : region.right].copy()
    if not ink.size:
        return None
    for size in ((width // 20, 1), (1, height // 40)):
        long = cv2.getStructuringElement(cv2.MORPH_RECT, size)
        rulings = cv2.dilate(cv2.morphologyEx(ink, cv2.MORPH_OPEN, long), np.ones((3, 3), np.uint8))
        ink[rulings > 0] = 0
    strokes = _strokes(ink, words.height * drawn.scale)
    for segment in drawn.sheet.segments:
        for token in segment.tokens:
            if token.confidence < _READ_WITH_DOUBT:
                continue  # writing that was taken for text is read with doubt
            left, top, right, bottom = (
                max(0, round(side * drawn.scale) + more)
                for side, more in (
                    (token.left, -2 - region.left), (token.top, -2 - region.top),
                    (token.right, 2 - region.left), (token.bottom, 2 - region.top),
                )
            )  # fmt: skip
            under = strokes[top:bottom, left:right]
            if token.confidence < _READ_FOR_CERTAIN and under.size and under.any():
                continue
            ink[top:bottom, left:right] = 0
    joined = cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_RECT, (15, 9)))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    best: Mark | None = None
    for number in range(1, count):
        x, y, across, down, _ = (int(one) for one in stats[number])
        pixels = int((ink[y : y + down, x : x + across] > 0).sum())
        density = pixels / max(1, across * down)
        if across < 0.04 * width or down < 0.008 * height or pixels < 150 or density > 0.5:
            continue
        if best is None or across * down > best.width * best.height:
            best = Mark(region.left + x, region.top + y, across, down, True, 0.9)
    return best


def _strokes(ink: Pixels, letter: float) -> Pixels:
    """255 where a thin line runs on over the width of several letters: writing. Printed letters
    that have run together are as long, and fuller."""
    import cv2
    import numpy as np

    count, places, stats, _ = cv2.connectedComponentsWithStats(ink)
    kept = np.zeros(count, np.uint8)
    for number in range(1, count):
        _, _, across, down, pixels = (int(one) for one in stats[number])
        if across > 2 * letter and down > 0.6 * letter and pixels < 0.25 * across * down:
            kept[number] = 255
    found: Pixels = kept[places]
    return found
