"""A page image becomes words: turned upright, straightened, recognised and rated."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lineal_consumers.ocr import page_signals, second_look, tesseract
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.layout import Line, PositionedWord
from lineal_consumers.ocr.page_geometry import IDENTITY, Affine, turned_by
from lineal_consumers.ocr.page_raster import Raster
from lineal_consumers.ocr.page_signals import Signals
from lineal_consumers.ocr.tesseract import DetectedWord
from lineal_consumers.ocr.unread import unread_boxes
from lineal_schemas.results import PageQuality

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]

_STRAIGHT = 0.5
"""Degrees of skew that recognition does not mind."""
_SIDEWAYS = 0.8
"""What a reading on its side is worth of an upright one."""
_SUREST = 0.999
"""Recognition is never certain; a text layer is."""
_MAX_READINGS = 5
"""A page may be recognised in four directions and once more in even light."""


@dataclass(slots=True)
class Recognized:
    """A recognised page; lengths in points of the page as it stands upright."""

    width: float
    height: float
    rotation: int
    skew: float
    lines: list[Line]
    straight_lines: list[Line]
    """The same lines on the straightened page, where what stands side by side is level."""
    straight: Signals
    """The signals of the straightened image, for the search for rulings."""
    pixel: float
    """Size of a pixel of the straightened image in points."""
    unskew: Affine
    """From the straightened page to the upright one."""
    quality: PageQuality
    doubts: tuple[str, ...]


@dataclass(slots=True)
class _Attempt:
    """One reading of the page, turned by ``rotation``."""

    rotation: int
    skew: float
    gray: Gray
    signals: Signals
    unskew: Affine
    words: list[DetectedWord]
    coverage: float

    @property
    def low_share(self) -> float:
        if not self.words:
            return 0.0
        return sum(word.confidence < 0.6 for word in self.words) / len(self.words)

    @property
    def worth(self) -> float:
        """How much was read with confidence, in characters. What stands on its side was turned by
        recognition line by line, and with confidence read worse than a page that is upright."""
        read = sum(len(w.text) * max(0.0, w.confidence - 0.5) for w in self.words)
        return read * (_SIDEWAYS if self.sideways else 1)

    @property
    def sideways(self) -> bool:
        """Whether words run up or down the page."""
        long = [w for w in self.words if len(w.text) >= 4]
        standing = sum(w.bottom - w.top > 1.5 * (w.right - w.left) for w in long)
        return standing > max(2, len(long) / 2)

    @property
    def suspicious(self) -> bool:
        """Whether the page may have been read in the wrong direction."""
        if not self.words:
            return len(self.signals.components) >= 10
        mean = sum(word.confidence for word in self.words) / len(self.words)
        return mean < 0.6 or self.sideways


def recognize_page(raster: Raster, config: OcrConfig) -> Recognized:
    """Read one page image; a blank one costs no recognition.

    Raises:
        TimeoutError: recognition takes too long.
    """
    attempt = _best_attempt(raster, config)
    turned = attempt.rotation % 180 != 0
    width, height = (raster.height, raster.width) if turned else (raster.width, raster.height)
    upright_width = raster.gray.shape[0] if turned else raster.gray.shape[1]
    pixel = width / upright_width
    scale = Affine(pixel, 0, 0, pixel, 0, 0)
    unskew = IDENTITY
    lines = straight_lines = _lines(attempt.words, scale)
    if attempt.skew:
        unskew = scale.after(attempt.unskew).after(scale.inverse())
        lines = _lines(attempt.words, scale.after(attempt.unskew))
    quality = PageQuality(
        low_confidence_share=round(attempt.low_share, 3),
        ink_coverage=round(attempt.coverage, 3),
        background_ratio=round(attempt.signals.background_ratio, 3),
    )
    return Recognized(
        width=width,
        height=height,
        rotation=attempt.rotation,
        skew=attempt.skew,
        lines=lines,
        straight_lines=straight_lines,
        straight=attempt.signals,
        pixel=pixel,
        unskew=unskew,
        quality=quality,
        doubts=_doubts(attempt, config),
    )


def _best_attempt(raster: Raster, config: OcrConfig) -> _Attempt:
    gray, dpi = raster.gray, raster.dpi
    signals = page_signals.page_signals(gray, dpi)
    if signals.blank:
        return _Attempt(0, 0.0, gray, signals, IDENTITY, [], 1.0)
    rotation: int | None = None
    if page_signals.may_not_be_upright(signals):
        rotation = tesseract.upright_rotation(gray, dpi)
    best = _attempt(raster, rotation or 0, signals, config)
    # A further reading that takes too long leaves the first one standing.
    with suppress(TimeoutError):
        best = _improved(best, raster, rotation, signals, config)
    return best


def _improved(
    best: _Attempt, raster: Raster, asked: int | None, stored: Signals, config: OcrConfig
) -> _Attempt:
    """The best of this and further readings, where the page gives reason for them."""
    if best.suspicious:
        for other in _other_rotations(raster, best, asked=asked):
            candidate = _attempt(raster, other, stored, config)
            if candidate.worth > best.worth:
                best = candidate
            if not best.suspicious:
                break
    uneven = best.signals.background_ratio < config.photo_background
    missed = best.coverage < 0.9 or best.low_share > config.doubt_low_confidence
    if uneven and missed:
        remedied = _in_even_light(best, raster.dpi, config)
        if remedied.worth > best.worth:
            best = remedied
    return _with_second_look(best, raster.dpi, config)


def _with_second_look(attempt: _Attempt, dpi: int, config: OcrConfig) -> _Attempt:
    boxes = unread_boxes(attempt.signals, ((w.confidence, *w[2:6]) for w in attempt.words))
    if not boxes or not attempt.words:
        return attempt
    gray = attempt.gray
    if attempt.signals.background_ratio < config.photo_background:
        gray = page_signals.even_light(gray, attempt.signals, 1)
    seconds = config.page_seconds / _MAX_READINGS / len(boxes)
    found = second_look.read_pieces(gray, boxes, dpi, config.language, seconds)
    if not found:
        return attempt
    words = second_look.put_in(attempt.words, found)
    coverage = page_signals.ink_coverage(attempt.signals, words)
    return replace(attempt, words=words, coverage=coverage)


def _in_even_light(attempt: _Attempt, dpi: int, config: OcrConfig) -> _Attempt:
    enlarge = 2 if attempt.gray.size * 4 <= config.max_pixels else 1
    flat = page_signals.even_light(attempt.gray, attempt.signals, enlarge)
    words = _recognize(flat, enlarge, dpi, config)
    coverage = page_signals.ink_coverage(attempt.signals, words)
    return replace(attempt, words=words, coverage=coverage)


def _recognize(scaled: Gray, scale: float, dpi: int, config: OcrConfig) -> list[DetectedWord]:
    """The words of an image of ``dpi`` of which this is a scaled one; in pixels of the former."""
    seconds = config.page_seconds / _MAX_READINGS
    words = tesseract.recognize(scaled, round(scale * dpi), config.language, seconds)
    if scale == 1:
        return words
    return [
        word._replace(
            left=word.left / scale,
            top=word.top / scale,
            right=word.right / scale,
            bottom=word.bottom / scale,
        )
        for word in words
    ]


def _other_rotations(raster: Raster, tried: _Attempt, *, asked: int | None) -> list[int]:
    """The rotations worth a second reading: what orientation detection says or, where it cannot
    tell and there is little to read, all of them."""
    found = asked if asked is not None else tesseract.upright_rotation(raster.gray, raster.dpi)
    if found is not None:
        return [found] if found != tried.rotation else []
    if len(tried.signals.components) > 300:
        return []
    return [rotation for rotation in (90, 180, 270) if rotation != tried.rotation]


def _attempt(raster: Raster, rotation: int, stored: Signals, config: OcrConfig) -> _Attempt:
    import numpy as np

    gray, signals = raster.gray, stored
    if rotation:
        gray = np.ascontiguousarray(np.rot90(gray, -rotation // 90))
        signals = page_signals.page_signals(gray, raster.dpi)
    skew = page_signals.skew_degrees(signals)
    unskew = IDENTITY
    if abs(skew) > _STRAIGHT:
        gray, unskew = _straightened(gray, skew)
        signals = page_signals.page_signals(gray, raster.dpi)
    else:
        skew = 0.0
    scale = page_signals.reading_scale(signals, raster.dpi)
    small = page_signals.shrunk(gray, scale)
    words = _recognize(small, scale, raster.dpi, config)
    coverage = page_signals.ink_coverage(signals, words)
    return _Attempt(rotation, skew, gray, signals, unskew, words, coverage)


def _straightened(gray: Gray, skew: float) -> tuple[Gray, Affine]:
    """The image turned back by its skew, and the way from its pixels to those of the original."""
    import cv2
    import numpy as np

    height, width = gray.shape
    turn, new_width, new_height = turned_by(-skew, width, height)
    matrix = np.array([[turn.a, turn.c, turn.e], [turn.b, turn.d, turn.f]], dtype=np.float64)
    border = float(np.percentile(gray[:: max(1, height // 64), :: max(1, width // 64)], 90))
    straight = cv2.warpAffine(
        gray,
        matrix,
        (new_width, new_height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(border,),
    )
    return np.asarray(straight, np.uint8), turn.inverse()


def _lines(words: list[DetectedWord], place: Affine) -> list[Line]:
    lines: list[Line] = []
    for word in words:
        if word.new_line or not lines:
            lines.append(Line([], word.new_paragraph))
        box = place.box(word.left, word.top, word.right, word.bottom)
        lines[-1].words.append(
            PositionedWord(word.text, min(_SUREST, round(word.confidence, 3)), *box)
        )
    return lines


def _doubts(attempt: _Attempt, config: OcrConfig) -> tuple[str, ...]:
    doubts = []
    if not attempt.words:
        if len(attempt.signals.components) >= 10:
            doubts.append("no text was found, though something is printed on the page")
        return tuple(doubts)
    if attempt.low_share >= config.doubt_low_confidence and len(attempt.words) >= 5:
        doubts.append(f"{attempt.low_share:.0%} of the words were read with low confidence")
    if attempt.coverage < config.doubt_coverage:
        doubts.append(f"only {attempt.coverage:.0%} of what looks like text was read")
    if attempt.signals.background_ratio < config.photo_background:
        doubts.append("the page is unevenly lit")
    return tuple(doubts)
