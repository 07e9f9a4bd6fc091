"""Letters that differ from their ground by colour alone: red on green, yellow on white.

Recognition sees brightness, and to it such letters are not there, so that they are lost without a
doubt. They are looked for on a small view in colour; where some are, a pixel becomes as dark as its
colour is far from that of the ground.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]
    Colours = npt.NDArray[np.uint8]
    """Rows, columns, and red, green and blue."""
    Mask = npt.NDArray[np.bool_]

VIEW_DPI = 100
_MAX_VIEW_PIXELS = 4_000_000
"""Of a page that is a poster, of which the view is coarser."""
_COLOURED = 40
"""How far apart the three colours of a pixel are that is no shade of gray."""
_FEWEST = 0.0005
"""Of the page that is coloured; less is no letter."""
_EDGE = 50
"""By how much a colour changes at the edge of a letter that a person reads."""
_HIDDEN = 0.35
"""By how much of that the brightness changes at most where the letter is not seen by it."""
_SEEN = 0.25
"""Edges by brightness for each one by colour alone, up to which a place is text of such letters:
photographs have both."""
_NEAR = (8, 2)
"""Pixels of the view across and down within which letters belong together."""
_LOWEST, _HIGHEST = 5, VIEW_DPI
"""Pixels of the view: a line of small print, a headline."""
_SHORTEST = 30
_LETTERS = 3
_STROKES = (0.08, 0.95)
"""Share of a line of letters that is edges."""
_MARGIN = 3
_GROUND = 40
"""How far a pixel of the ground may be from its colour."""
_FILLED = 0.75
"""Share of the box around a coloured ground that it and the letters fill."""
_PAPER = 200
"""Brightness of a ground that is the page itself."""
_PLAIN = 0.4
"""Share of a line that is its ground's colour."""
_ONE_COLOUR = 60
"""How far apart from each other the pixels of letters are; those of a photograph are more so."""
_FARTHEST = 99.5
"""Percentile of the distance from the ground's colour that becomes black."""
_MAX_PLACES = 60
_CHUNK_PIXELS = 500_000
"""Of a place that are looked at together."""


class Place(NamedTuple):
    """A box in fractions of the image."""

    left: float
    top: float
    right: float
    bottom: float
    ground: tuple[float, float, float]
    """The colour that the letters stand on: red, green and blue."""
    darkest: float
    """How far from it the colour of the letters is."""

    def within(self, width: int, height: int) -> tuple[int, int, int, int]:
        """In pixels of an image of this size: left, top, right and bottom."""
        return (
            max(0, int(self.left * width)),
            max(0, int(self.top * height)),
            min(width, round(self.right * width) + 1),
            min(height, round(self.bottom * height) + 1),
        )


def view_scale(width: float, height: float, dpi: float) -> float:
    """The scale of the view of an image of so many pixels."""
    return min(1.0, VIEW_DPI / dpi, math.sqrt(_MAX_VIEW_PIXELS / (width * height)))


def find_colour_letters(view: Colours) -> list[Place]:
    """Where an image of about 100 dpi has lines of letters that only their colour shows."""
    import cv2
    import numpy as np

    if min(view.shape[:2]) < 2 * _LOWEST:
        return []
    red, green, blue = (np.ascontiguousarray(view[..., part]) for part in range(3))
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    if np.count_nonzero(most - least >= _COLOURED) < _FEWEST * most.size:
        return []
    bright = np.asarray(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), np.uint8)
    by_colour = np.maximum(np.maximum(_edges(red), _edges(green)), _edges(blue))
    by_light = _edges(bright)
    # By a table of bytes: what changes too little is hidden by no brightness.
    table = (_HIDDEN * np.arange(256)).astype(np.uint8)
    table[:_EDGE] = 0
    limits = table[by_colour]
    hidden = (limits > 0) & (by_light <= limits)
    seen = by_light >= _EDGE
    if hidden.mean() < _FEWEST / 4:
        return []
    height, width = bright.shape
    places = []
    # The page may lie on its side.
    standing = [(x, y, u, v) for y, x, v, u in _lines(np.ascontiguousarray(hidden.T))]
    for left, top, right, bottom in [*_lines(hidden), *standing]:
        inside = hidden[top:bottom, left:right]
        strokes = float(inside.mean())
        if not _STROKES[0] <= strokes <= _STROKES[1]:
            continue
        if seen[top:bottom, left:right].sum() > _SEEN * inside.sum():
            continue
        if not _are_two_colours(view[top:bottom, left:right]):
            continue
        left, top = max(0, left - _MARGIN), max(0, top - _MARGIN)
        right, bottom = min(width, right + _MARGIN), min(height, bottom + _MARGIN)
        left, top, right, bottom = _ground(view, bright, (left, top, right, bottom))
        pixels = view[top:bottom, left:right].reshape(-1, 3)
        ground = np.median(pixels, axis=0)
        far = np.percentile(np.sqrt(((pixels - ground) ** 2).sum(axis=1)), _FARTHEST)
        sides = left / width, top / height, right / width, bottom / height
        colour = float(ground[0]), float(ground[1]), float(ground[2])
        places.append(Place(*sides, colour, max(float(far), float(_EDGE))))
    return _without_inner(places)[:_MAX_PLACES]


def show_by_colour(
    gray: Gray, places: list[Place], colours: Callable[[tuple[int, int, int, int]], Colours]
) -> None:
    """Make letters dark and their ground light at some places of an image.

    Args:
        gray: is changed.
        colours: gives the pixels of a box (left, top, right, bottom) of the image in colour.
    """
    import numpy as np

    height, width = gray.shape
    for place in places:
        left, top, right, bottom = place.within(width, height)
        rows = max(1, _CHUNK_PIXELS // max(1, right - left))
        for begin in range(top, bottom, rows):
            end = min(bottom, begin + rows)
            pixels = colours((left, begin, right, end)).astype(np.float32)
            far = np.sqrt(((pixels - np.array(place.ground, np.float32)) ** 2).sum(axis=2))
            gray[begin:end, left:right] = np.clip(255 - far * (255 / place.darkest), 0, 255)


def _edges(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2
    import numpy as np

    return np.asarray(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))


def _lines(hidden: Mask) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) around edges that stand in a line like letters."""
    import cv2
    import numpy as np

    ink = hidden.astype(np.uint8)
    _, _, pieces, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    near = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * _NEAR[0] + 1, 2 * _NEAR[1] + 1))
    count, groups = cv2.connectedComponents(np.asarray(cv2.dilate(ink, near), np.uint8))
    boxes: list[list[int]] = [[1 << 30, 1 << 30, 0, 0, 0] for _ in range(count)]
    for left, top, across, down, area in pieces[1:].tolist():
        if area < _LOWEST or down > _HIGHEST:
            continue
        box = boxes[groups[top + down // 2, left + across // 2]]
        box[:4] = (
            min(box[0], left), min(box[1], top),
            max(box[2], left + across), max(box[3], top + down),
        )  # fmt: skip
        # Letters that touch each other at this size count by their width.
        box[4] += max(1, round(across / max(down, 1)))
    return [
        (left, top, right, bottom)
        for left, top, right, bottom, letters in boxes[1:]
        if letters >= _LETTERS
        and bottom - top >= _LOWEST
        and right - left >= max(_SHORTEST, 1.5 * (bottom - top))
    ]


def _are_two_colours(part: Colours) -> bool:
    """Whether it is a ground and letters of one other colour, and not a photograph."""
    import numpy as np

    pixels = part.reshape(-1, 3).astype(np.float32)
    far = np.sqrt(((pixels - np.median(pixels, axis=0)) ** 2).sum(axis=1))
    if (far <= _GROUND).mean() < _PLAIN:
        return False
    letters = pixels[far >= np.percentile(far, 95)]
    return bool(letters.std(axis=0).max() <= _ONE_COLOUR)


def _ground(
    view: Colours, bright: Gray, box: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """The box of the coloured ground that some letters stand on; theirs where that is paper, or
    has no such shape. What is left of a ground around a box that was made light looks like ink."""
    import cv2
    import numpy as np

    left, top, right, bottom = box
    pixels = view[top:bottom, left:right].reshape(-1, 3)
    colour = np.median(pixels, axis=0)
    if np.median(bright[top:bottom, left:right]) >= _PAPER:
        return box
    near = np.abs(view.astype(np.int16) - colour.astype(np.int16)).max(axis=2) <= _GROUND
    near[top:bottom, left:right] = True
    _, labels, stats, _ = cv2.connectedComponentsWithStats(near.astype(np.uint8), connectivity=4)
    x, y, across, down, _ = stats[labels[(top + bottom) // 2, (left + right) // 2]].tolist()
    share = near[y : y + down, x : x + across].mean()
    return (x, y, x + across, y + down) if share >= _FILLED else box


def _without_inner(places: list[Place]) -> list[Place]:
    """Each place once, and none that lies in another one."""
    kept: list[Place] = []
    for place in sorted(places, key=lambda p: -(p.right - p.left) * (p.bottom - p.top)):
        x, y = (place.left + place.right) / 2, (place.top + place.bottom) / 2
        if not any(o.left <= x <= o.right and o.top <= y <= o.bottom for o in kept):
            kept.append(place)
    return kept
