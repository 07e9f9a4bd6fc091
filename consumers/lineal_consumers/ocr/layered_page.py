"""Recognises what a page with a text layer draws outside of that layer.

The account of such a page is its ink: what looks like text, is under no word of the layer and was
not recognised either, is a doubt with its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.ocr import page_signals
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.faint import find_faint_rows
from lineal_consumers.ocr.language_choice import recognize_in_its_language
from lineal_consumers.ocr.layout import Line, PositionedWord
from lineal_consumers.ocr.page_geometry import quarter_turns
from lineal_consumers.ocr.page_images import Region
from lineal_consumers.ocr.page_raster import Raster
from lineal_consumers.ocr.unread import find_unread_places
from lineal_consumers.ocr.writing_direction import writing_direction

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FEW = 6
"""Pieces of ink; fewer in a picture are no text."""
_SMALL = 3, 8
"""Heights of small print in points, as it is measured."""
_SHAPE = 0.6
"""Of a letter: how many times as wide as high it is."""
_UPRIGHT = {"across": 0, "down": 270, "up": 90}
_MARGIN = 2.0
"""Points around a word that are its own."""
_SURE = 0.6
"""Mean confidence from which a line in a picture is taken for text."""
_SMALLEST = 4.0
"""Points across and down of a picture that is looked at."""
_MAX_SIDE = 3_000
"""Of the grid on which pictures are joined."""
_WHOLE = 0.6
"""Share of the page from which a picture is recognised with all that is around it."""
_DARK = 110
"""Median brightness below which a picture is light on dark."""


class Added(NamedTuple):
    """Words that recognition adds to a text layer."""

    lines: list[Line]
    """All lines of the page."""
    recognized: int
    """Words among them that were recognised."""
    unread: list[Region]


def add_pictures(
    layer: list[Line], pictures: list[Region], raster: Raster, config: OcrConfig
) -> Added:
    """Recognise what looks like text in pictures and is under no word of the layer.

    Args:
        layer: the lines of the text layer, in points as seen.
        pictures: the places on the page where pictures are, or text that the layer lacks.
        raster: the page as a viewer shows it.

    Raises:
        TimeoutError: recognition takes too long.
    """
    covered = _covered(layer, raster)
    turned = _UPRIGHT[writing_direction([line.words for line in layer])]
    signals = page_signals.page_signals(raster.gray, raster.dpi)
    points = raster.width / raster.gray.shape[1] / signals.scale
    middles = _middles(signals, points)
    lines, unread, count = list(layer), list[Region](), 0
    for region in _apart(pictures, raster):
        part = _part(region, raster)
        if part.dark:
            inside = _ink(part.raster, region)
        else:
            inside = [piece for piece in middles if region.holds(piece.x, piece.y)]
        if sum(
            p.letters for p in inside if not _at(covered, p.x, p.y)
        ) < _FEW and not _has_faint_rows(part, covered):
            continue
        found, missed = _recognized(part, covered, turned, config)
        count += sum(len(line.words) for line in found)
        lines = _put_in(lines, found)
        unread += missed
    return Added(lines, count, unread)


def _covered(layer: list[Line], raster: Raster) -> npt.NDArray[np.bool_]:
    """Which square points of the page are under words of the layer."""
    import numpy as np

    mask = np.zeros((int(raster.height) + 2, int(raster.width) + 2), np.bool_)
    for line in layer:
        for word in line.words:
            left, top = max(0, int(word.left - _MARGIN)), max(0, int(word.top - _MARGIN))
            mask[top : int(word.bottom + _MARGIN) + 1, left : int(word.right + _MARGIN) + 1] = True
    return mask


def _at(mask: npt.NDArray[np.bool_], x: float, y: float) -> bool:
    row, column = int(y), int(x)
    if not (0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]):
        return False
    return bool(mask[row, column])


def _apart(pictures: list[Region], raster: Raster) -> list[Region]:
    """Regions on the page that do not overlap; where one is most of the page, the page."""
    page = Region(0, 0, raster.width, raster.height)
    on_page = [
        Region(
            max(0.0, picture.left), max(0.0, picture.top),
            min(page.right, picture.right), min(page.bottom, picture.bottom),
        )
        for picture in pictures
    ]  # fmt: skip
    regions = [r for r in on_page if r.right - r.left > 0 and r.bottom - r.top > 0]
    # What touches is one picture: scans are often cut into strips, as thin as a row of pixels.
    joined = _joined(regions, page)
    while len(joined) < len(regions):
        regions, joined = joined, _joined(joined, page)
    found = [r for r in joined if r.right - r.left >= _SMALLEST and r.bottom - r.top >= _SMALLEST]
    area = (page.right * page.bottom) or 1.0
    if any((r.right - r.left) * (r.bottom - r.top) >= _WHOLE * area for r in found):
        return [page]
    return sorted(found, key=lambda region: (region.top, region.left))


def _joined(regions: list[Region], page: Region) -> list[Region]:
    """Boxes around all that touch: they are painted, and what is of one piece is one."""
    import cv2
    import numpy as np

    scale = min(1.0, _MAX_SIDE / max(page.right, page.bottom, 1.0))
    mask = np.zeros((int(page.bottom * scale) + 3, int(page.right * scale) + 3), np.uint8)
    corners = []
    for left, top, right, bottom in regions:
        row, column = int(top * scale), int(left * scale)
        mask[row : int(bottom * scale) + 2, column : int(right * scale) + 2] = 1
        corners.append((row, column))
    _, pieces = cv2.connectedComponents(mask, connectivity=8)
    found: dict[int, Region] = {}
    for region, corner in zip(regions, corners, strict=True):
        piece = int(pieces[corner])
        found[piece] = _around(found.get(piece, region), region)
    return list(found.values())


def _around(a: Region, b: Region) -> Region:
    return Region(
        min(a.left, b.left), min(a.top, b.top), max(a.right, b.right), max(a.bottom, b.bottom)
    )


class _Part(NamedTuple):
    """A part of the page, dark on light, and where its corner is in points."""

    raster: Raster
    x: float
    y: float
    dark: bool
    """Whether it is light on dark on the page."""


def _part(region: Region, raster: Raster) -> _Part:
    import numpy as np

    pixels = raster.gray.shape[1] / raster.width
    top, left = int(region.top * pixels), int(region.left * pixels)
    gray = raster.gray[
        top : int(region.bottom * pixels) + 1, left : int(region.right * pixels) + 1
    ].copy()
    dark = bool(gray.size and np.median(gray) < _DARK)
    if dark:
        np.subtract(255, gray, out=gray)
    part = Raster(gray, raster.dpi, gray.shape[1] / pixels, gray.shape[0] / pixels)
    return _Part(part, left / pixels, top / pixels, dark)


class _Piece(NamedTuple):
    """The middle of a piece of ink, and how many letters it may be."""

    x: float
    y: float
    letters: int


def _middles(signals: page_signals.Signals, points: float) -> list[_Piece]:
    """The letters of small print grow together in what is measured."""
    return [
        _Piece(
            (left + width / 2) * points,
            (top + height / 2) * points,
            max(1, round(width / height / _SHAPE)) if _SMALL[0] <= height <= _SMALL[1] else 1,
        )
        for left, top, width, height, _ in signals.components.tolist()
    ]


def _has_faint_rows(part: _Part, covered: npt.NDArray[np.bool_]) -> bool:
    """Whether there are rows of letters too faint to be ink that no word covers."""
    gray, dpi = part.raster.gray, part.raster.dpi
    rows = find_faint_rows(gray, dpi, page_signals.page_signals(gray, dpi))
    points = part.raster.width / gray.shape[1]
    return any(
        not _at(covered, part.x + (left + right) / 2 * points, part.y + (top + bottom) / 2 * points)
        for left, top, right, bottom in rows
    )


def _ink(raster: Raster, region: Region) -> list[_Piece]:
    """The middles of what may be letters in a part of the page, where they are on the page."""
    signals = page_signals.page_signals(raster.gray, raster.dpi)
    points = raster.width / raster.gray.shape[1] / signals.scale
    return [
        piece._replace(x=piece.x + region.left, y=piece.y + region.top)
        for piece in _middles(signals, points)
    ]


def _recognized(
    part: _Part, covered: npt.NDArray[np.bool_], turned: int, config: OcrConfig
) -> tuple[list[Line], list[Region]]:
    """The lines of a part of the page that the layer does not have, and what was not read.

    Args:
        turned: by how many degrees clockwise the text of the page is turned to stand upright. A
            part has too little of it to say so.
    """
    import numpy as np

    gray, dpi, width, height = (
        part.raster.gray, part.raster.dpi, part.raster.width, part.raster.height,
    )  # fmt: skip
    sideways = quarter_turns(turned, width, height)
    if turned:
        gray, width, height = np.ascontiguousarray(np.rot90(gray, -turned // 90)), height, width
    seen, _ = recognize_in_its_language(Raster(gray, dpi, width, height), config)
    back = sideways.inverse().after(quarter_turns(seen.rotation, width, height).inverse())
    x, y = part.x, part.y

    def placed(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        a, b, c, d = back.box(*box)
        return a + x, b + y, c + x, d + y

    lines: list[Line] = []
    for line in seen.lines:
        words = [
            PositionedWord(word.text, word.confidence, *placed(word[2:])) for word in line.words
        ]
        words = [
            word
            for word in words
            if not _at(covered, (word.left + word.right) / 2, (word.top + word.bottom) / 2)
        ]
        if words and sum(word.confidence for word in words) >= _SURE * len(words):
            lines.append(Line(words, line.new_paragraph or not lines))
    missed = [Region(*placed(place)) for place in find_unread_places(seen)]
    missed = [
        place
        for place in missed
        if not _at(covered, (place.left + place.right) / 2, (place.top + place.bottom) / 2)
    ]
    return lines, missed


def _put_in(lines: list[Line], found: list[Line]) -> list[Line]:
    """The lines of a picture behind the last line that begins above it."""
    if not found:
        return lines
    top = min(word.top for line in found for word in line.words)
    at = max(
        (number for number, line in enumerate(lines, 1) if line.words[0].top <= top), default=0
    )
    found[0] = Line(found[0].words, new_paragraph=True)
    after = lines[at:]
    if after:
        after[0] = Line(after[0].words, new_paragraph=True)
    return [*lines[:at], *found, *after]
