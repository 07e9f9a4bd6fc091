"""Recognises the words of a page image: turns it upright, deskews, recognises and rates it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lineal_consumers.ocr import page_signals, rapidocr, second_look, tesseract
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.dark_bands import lighten_dark_bands
from lineal_consumers.ocr.faint import (
    find_faint_rows,
    read_faint_rows,
    turn_light_on_dark,
    with_contrast,
    worth,
)
from lineal_consumers.ocr.figure_conflicts import FIGURE_CONFLICT, find_figure_conflicts
from lineal_consumers.ocr.layout import Line, PositionedWord, move_lines
from lineal_consumers.ocr.mail_addresses import join_mail_addresses
from lineal_consumers.ocr.noise import smoothed
from lineal_consumers.ocr.page_geometry import IDENTITY, Affine, straightened
from lineal_consumers.ocr.page_order import in_page_order
from lineal_consumers.ocr.page_raster import Raster
from lineal_consumers.ocr.page_signals import Signals
from lineal_consumers.ocr.photo import find_words_outside, place_on_photo, prepare
from lineal_consumers.ocr.projective import Projective
from lineal_consumers.ocr.sheet import find_sheet
from lineal_consumers.ocr.tesseract import DetectedWord
from lineal_consumers.ocr.unread import unread_boxes
from lineal_schemas.results import PageQuality

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]

Box = tuple[float, float, float, float]

_STRAIGHT = 0.5
"""Degrees of skew that recognition does not mind."""
_SIDEWAYS = 0.8
"""What a reading on its side is worth of an upright one."""
_SUREST = 0.999
"""Recognition is never certain; a text layer is."""
_SURE = 0.6
UNCERTAIN_SHARE = 0.2
"""Share of words of low confidence from which the page may be in another script, so that its script
is looked for: other scripts have 0.3 and more, good scans at most 0.08."""
_NOISY_SHARE = 0.03
"""Share of words of low confidence from which a page of noisy paper is read again smoothed: what is
read well is read worse then."""
_DOUBTFUL = 0.55
_MAX_DOUBTFUL = 12
"""Words read again by themselves; a page of more is a bad one as a whole."""
_AS_MUCH = 0.95
"""Of the letters that one engine read with confidence, those that another has to read."""
_GROUND = 0.85
"""Background ratio under which a page may be a sheet on a darker ground."""
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
    unskew: Affine | Projective
    """From the straightened page to the upright one."""
    quality: PageQuality
    doubts: tuple[str, ...]
    engine: str
    """That read it."""
    conflicts: list[Box]
    """Places where two engines read different figures, in points of the upright page."""


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
    engine: str = tesseract.NAME
    conflicts: tuple[Box, ...] = ()

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
    """Read one page image, of a photo the sheet of paper on it; a blank one costs no recognition.

    Raises:
        TimeoutError: recognition takes too long.
    """
    raster = lighten_dark_bands(turn_light_on_dark(raster))
    signals = page_signals.page_signals(raster.gray, raster.dpi)
    if signals.blank:
        return _recognize_faint(raster, signals, config)
    sheet = find_sheet(raster) if signals.background_ratio < _GROUND else None
    if sheet is None:
        return _recognize(raster, signals, config)
    ready = prepare(sheet)
    level = page_signals.page_signals(ready.raster.gray, ready.raster.dpi)
    seen = _recognize(ready.raster, level, config, photo=True)
    seen = place_on_photo(seen, ready, raster)
    with suppress(TimeoutError):
        beside = find_words_outside(sheet, raster, signals, config.language)
        if beside:
            whole = _recognize(raster, signals, config)
            return max((seen, whole), key=_letters_read)
    return seen


def _recognize_faint(raster: Raster, signals: Signals, config: OcrConfig) -> Recognized:
    """A page without ink: blank, unless it has faint letters that read better than in a mirror."""
    import numpy as np

    blank = _recognize(raster, signals, config)
    rows = find_faint_rows(raster.gray, raster.dpi, signals)
    if not rows:
        return blank
    clear = with_contrast(raster, signals, rows)
    mirrored = replace(clear, gray=np.ascontiguousarray(clear.gray[:, ::-1]))
    seen, other = (
        _recognize(one, page_signals.page_signals(one.gray, one.dpi), config)
        for one in (clear, mirrored)
    )
    words, mirror = ([w for line in one.lines for w in line.words] for one in (seen, other))
    return seen if worth(words) > worth(mirror) else blank


def _letters_read(seen: Recognized) -> int:
    return sum(
        len(word.text) for line in seen.lines for word in line.words if word.confidence >= _SURE
    )


def _recognize(
    raster: Raster, signals: Signals, config: OcrConfig, *, photo: bool = False
) -> Recognized:
    attempt = _best_attempt(raster, signals, config, photo=photo)
    turned = attempt.rotation % 180 != 0
    width, height = (raster.height, raster.width) if turned else (raster.width, raster.height)
    upright_width = raster.gray.shape[0] if turned else raster.gray.shape[1]
    pixel = width / upright_width
    scale = Affine(pixel, 0, 0, pixel, 0, 0)
    straight_lines = lines = in_page_order(_lines(join_mail_addresses(attempt.words), scale))
    unskew = IDENTITY
    if attempt.skew:
        unskew = scale.after(attempt.unskew).after(scale.inverse())
        lines = move_lines(straight_lines, unskew)
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
        engine=attempt.engine,
        conflicts=[unskew.box(*scale.box(*box)) for box in attempt.conflicts],
    )


def _best_attempt(raster: Raster, signals: Signals, config: OcrConfig, *, photo: bool) -> _Attempt:
    gray, dpi = raster.gray, raster.dpi
    if signals.blank:
        return _Attempt(0, 0.0, gray, signals, IDENTITY, [], 1.0)
    rotation: int | None = None
    if page_signals.may_not_be_upright(signals):
        rotation = tesseract.upright_rotation(gray, dpi)
    best = _attempt(raster, rotation or 0, signals, config)
    # A further reading that takes too long leaves the first one standing.
    with suppress(TimeoutError):
        best = _improved(best, raster, rotation, signals, config)
        if photo or _is_doubtful(best, config):
            best = _by_another_engine(best, dpi, config)
    return best


def _is_doubtful(attempt: _Attempt, config: OcrConfig) -> bool:
    if not attempt.words:
        return len(attempt.signals.components) >= 10
    return (
        attempt.low_share > config.doubt_low_confidence
        or attempt.coverage < config.doubt_coverage
        or attempt.signals.background_ratio < config.photo_background
    )


def _by_another_engine(attempt: _Attempt, dpi: int, config: OcrConfig) -> _Attempt:
    """The page as RapidOCR reads it, where that is installed and reads at least as much."""
    if not (rapidocr.is_installed() and rapidocr.reads(config.language)):
        return attempt
    if attempt.low_share >= UNCERTAIN_SHARE or not attempt.words:
        script, _ = tesseract.page_script(attempt.gray, dpi)
        if script not in rapidocr.SCRIPTS:
            return attempt
    gray = attempt.gray
    if attempt.signals.background_ratio < config.photo_background:
        gray = page_signals.increase_contrast(page_signals.even_light(gray, attempt.signals, 1))
    words = rapidocr.recognize(gray)
    if _sure_letters(words) < _AS_MUCH * _sure_letters(attempt.words):
        return attempt
    return replace(
        attempt,
        words=words,
        coverage=page_signals.ink_coverage(attempt.signals, words),
        engine=rapidocr.NAME,
        conflicts=tuple(find_figure_conflicts(words, attempt.words)),
    )


def _sure_letters(words: list[DetectedWord]) -> int:
    return sum(len(word.text) for word in words if word.confidence >= _SURE)


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
    if best.low_share > _NOISY_SHARE:
        smooth = smoothed(best.gray, raster.dpi)
        if smooth is not best.gray:
            remedied = _read_from(smooth, best, raster.dpi, config)
            if remedied.worth > best.worth:
                best = remedied
    return _with_second_look(best, raster.dpi, config)


def _with_second_look(attempt: _Attempt, dpi: int, config: OcrConfig) -> _Attempt:
    boxes = unread_boxes(attempt.signals, ((w.confidence, *w[2:6]) for w in attempt.words))
    # Single digits of a table are too few letters to be missed as unread.
    doubtful = [word[2:6] for word in attempt.words if word.confidence < _DOUBTFUL]
    if len(doubtful) <= _MAX_DOUBTFUL:
        boxes += doubtful
    faint = find_faint_rows(attempt.gray, dpi, attempt.signals)
    if not (boxes or faint) or not attempt.words:
        return attempt
    gray = attempt.gray
    if attempt.signals.background_ratio < config.photo_background:
        gray = page_signals.even_light(gray, attempt.signals, 1)
    seconds = config.page_seconds / _MAX_READINGS / (len(boxes) + len(faint))
    found = second_look.read_pieces(gray, boxes, dpi, config.language, seconds)
    with suppress(TimeoutError):  # of what may be nothing but noise: what was read again stays
        found += read_faint_rows(gray, faint, dpi, config.language, seconds)
    if not found:
        return attempt
    words = second_look.put_in(attempt.words, found)
    coverage = page_signals.ink_coverage(attempt.signals, words)
    return replace(attempt, words=words, coverage=coverage)


def _in_even_light(attempt: _Attempt, dpi: int, config: OcrConfig) -> _Attempt:
    enlarge = 2 if attempt.gray.size * 4 <= config.max_pixels else 1
    flat = page_signals.even_light(attempt.gray, attempt.signals, enlarge)
    words = _words(flat, enlarge, dpi, config)
    coverage = page_signals.ink_coverage(attempt.signals, words)
    return replace(attempt, words=words, coverage=coverage)


def _words(scaled: Gray, scale: float, dpi: int, config: OcrConfig) -> list[DetectedWord]:
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
        gray, unskew = straightened(gray, skew)
        signals = page_signals.page_signals(gray, raster.dpi)
    else:
        skew = 0.0
    unread = _Attempt(rotation, skew, gray, signals, unskew, [], 0.0)
    return _read_from(gray, unread, raster.dpi, config)


def _read_from(gray: Gray, attempt: _Attempt, dpi: int, config: OcrConfig) -> _Attempt:
    """The page as it reads from an image, of the same size as that which was measured."""
    scale = page_signals.reading_scale(attempt.signals, dpi)
    words = _words(page_signals.shrunk(gray, scale), scale, dpi, config)
    coverage = page_signals.ink_coverage(attempt.signals, words)
    return replace(attempt, gray=gray, words=words, coverage=coverage)


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
    if attempt.conflicts:
        doubts.append(FIGURE_CONFLICT)
    return tuple(doubts)
