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

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FEW = 6
"""Pieces of ink; fewer in a picture are no text."""
_MARGIN = 2.0
"""Points around a word that are its own."""
_SURE = 0.6
"""Mean confidence from which a line in a picture is taken for text."""
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
    signals = page_signals.page_signals(raster.gray, raster.dpi)
    points = raster.width / raster.gray.shape[1] / signals.scale
    middles = _middles(signals, points)
    lines, unread, count = list(layer), list[Region](), 0
    for region in _apart(pictures, raster):
        part = _part(region, raster)
        if part.dark:
            inside = _ink(part.raster, region)
        else:
            inside = [(x, y) for x, y in middles if region.holds(x, y)]
        if sum(not _at(covered, x, y) for x, y in inside) < _FEW and not _has_faint_rows(
            part, covered
        ):
            continue
        found, missed = _recognized(part, covered, config)
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
    regions: list[Region] = []
    for picture in pictures:
        region = Region(
            max(0.0, picture.left), max(0.0, picture.top),
            min(page.right, picture.right), min(page.bottom, picture.bottom),
        )  # fmt: skip
        if region.right - region.left < 4 or region.bottom - region.top < 4:
            continue
        # What touches is one picture: scans are often cut into strips.
        touching = [other for other in regions if _touch(region, other)]
        while touching:
            regions = [other for other in regions if other not in touching]
            region = _around([region, *touching])
            touching = [other for other in regions if _touch(region, other)]
        regions.append(region)
    area = (page.right * page.bottom) or 1.0
    if any((r.right - r.left) * (r.bottom - r.top) >= _WHOLE * area for r in regions):
        return [page]
    return sorted(regions, key=lambda region: (region.top, region.left))


def _touch(a: Region, b: Region) -> bool:
    return (
        a.left <= b.right + 1
        and b.left <= a.right + 1
        and a.top <= b.bottom + 1
        and b.top <= a.bottom + 1
    )


def _around(regions: list[Region]) -> Region:
    return Region(
        min(region.left for region in regions),
        min(region.top for region in regions),
        max(region.right for region in regions),
        max(region.bottom for region in regions),
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


def _middles(signals: page_signals.Signals, points: float) -> list[tuple[float, float]]:
    return [
        ((left + width / 2) * points, (top + height / 2) * points)
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


def _ink(raster: Raster, region: Region) -> list[tuple[float, float]]:
    """The middles of what may be letters in a part of the page, where they are on the page."""
    signals = page_signals.page_signals(raster.gray, raster.dpi)
    points = raster.width / raster.gray.shape[1] / signals.scale
    return [(x + region.left, y + region.top) for x, y in _middles(signals, points)]


def _recognized(
    part: _Part, covered: npt.NDArray[np.bool_], config: OcrConfig
) -> tuple[list[Line], list[Region]]:
    """The lines of a part of the page that the layer does not have, and what was not read."""
    seen, _ = recognize_in_its_language(part.raster, config)
    back = quarter_turns(seen.rotation, part.raster.width, part.raster.height).inverse()
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
