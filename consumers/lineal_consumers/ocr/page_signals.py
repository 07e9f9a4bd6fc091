"""Measures a page before its recognition: light, ink, direction, skew.

Everything is measured on a view of about 75 dpi, which holds what matters and costs a few
milliseconds a page. Mean confidence is not used: it does not find missed text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineal_consumers.ocr.tesseract import DetectedWord

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]
    Numbers = npt.NDArray[np.float64]
    Edges = npt.NDArray[Any]

VIEW_DPI = 75
_INK = 0.78
"""Darker than this share of the background around it is ink: keeps hairlines after scaling."""
_BLACK, _WHITE = 20, 235
"""Percentile of the ink that is made black, and brightness that is made white."""
_CELL = 16
"""Side in pixels of the squares whose brightest part is taken as background: 5 mm of paper."""
_STEEPEST = 12.0
"""Degrees of skew that are looked for."""
_LETTER_PIXELS = 15
"""Letters of this height are read as well as larger ones, and faster: docs/performance.md has the
measurements."""
_SMALL_PRINT = 5
"""Percentile of the heights of text that counts as that of its smallest letters."""
_MIN_DPI = 200
_FEW = 30
"""Fewer pieces of ink say nothing about direction."""


@dataclass(slots=True)
class Signals:
    """The signals of one page image."""

    scale: float
    """Pixels of the view for one of the image."""
    background: Gray
    """Brightness of the paper, one value for each square of the view."""
    background_ratio: float
    ink: Gray
    """1 where the view has ink."""
    components: npt.NDArray[np.int32]
    """Left, top, width, height and area of each connected piece of ink that may be text."""
    text_ink: Gray
    """1 where the view has ink of such pieces."""

    @property
    def blank(self) -> bool:
        return len(self.components) == 0


def page_signals(gray: Gray, dpi: int, *, ink: float = _INK) -> Signals:
    """Measure a page image (8 bit, dark on light or unevenly lit).

    Args:
        ink: what is darker than this share of the background around it counts as ink.
    """
    import cv2
    import numpy as np

    # Each worker process has a core to itself.
    cv2.setNumThreads(1)
    height, width = gray.shape
    scale = min(1.0, VIEW_DPI / dpi)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    view = gray
    if scale < 1:
        view = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    background = _background(view)
    low, high = np.percentile(background, (2, 98))
    paper = cv2.resize(background, size, interpolation=cv2.INTER_LINEAR)
    # By a table of bytes: as numbers with fractions a large page would take four times its memory.
    darkest = np.ceil(np.arange(256, dtype=np.float32) * np.float32(ink)).astype(np.uint8)
    inked = (view < cv2.LUT(paper, darkest)).view(np.uint8)
    del paper
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inked, connectivity=8)
    wide, tall, area = (stats[:, column] for column in (2, 3, 4))
    text = (
        (area >= 4)
        & (np.maximum(wide, tall) >= 3)
        & (np.minimum(wide, tall) <= 0.8 * VIEW_DPI)
        & (np.maximum(wide, tall) <= 5 * VIEW_DPI)
        & (np.maximum(wide, tall) <= 25 * np.minimum(wide, tall))
    )
    text[0] = False
    return Signals(
        scale=size[0] / width,
        background=background,
        background_ratio=float(low / max(high, 1.0)),
        ink=inked,
        components=stats[text].astype(np.int32),
        text_ink=text.astype(np.uint8)[labels],
    )


def _background(view: Gray) -> Gray:
    import cv2
    import numpy as np

    rows, columns = -(-view.shape[0] // _CELL), -(-view.shape[1] // _CELL)
    padded = np.pad(
        view,
        ((0, rows * _CELL - view.shape[0]), (0, columns * _CELL - view.shape[1])),
        mode="edge",
    )
    brightest = padded.reshape(rows, _CELL, columns, _CELL).max(axis=(1, 3))
    return np.asarray(cv2.medianBlur(brightest, 3), np.uint8)


def skew_degrees(signals: Signals) -> float:
    """The angle of the text lines, in degrees clockwise off the horizontal; 0 if it is unclear.

    The feet of all words are projected along each angle: along the right one they fall on few
    lines (a projection profile of points instead of pixels, which costs 1 ms).
    """
    parts = signals.components[signals.components[:, 3] <= 0.4 * VIEW_DPI]
    if len(parts) < _FEW:
        return 0.0
    angle, sharpness, level = _sharpest(
        parts[:, 0] + parts[:, 2] / 2, parts[:, 1] + parts[:, 3], fine=True
    )
    return 0.0 if abs(angle) >= _STEEPEST or sharpness < 1.15 * level else angle


def may_not_be_upright(signals: Signals) -> bool:
    """Whether the page should be looked at with orientation detection before it is recognised.

    Of the four edges of all words, the feet fall on the fewest lines: letters that hang under the
    line are rarer than those that rise to different heights. On a page that is turned, another
    edge is the sharpest.
    """
    parts = signals.components
    parts = parts[(parts[:, 3] <= 0.4 * VIEW_DPI) & (parts[:, 2] <= 0.4 * VIEW_DPI)]
    if len(parts) < _FEW:
        return False
    left, top, width, height = (parts[:, column] for column in range(4))
    x, y = left + width / 2, top + height / 2
    page_height, page_width = signals.ink.shape
    foot = _sharpest(x, top + height)[1] * page_height
    head = _sharpest(x, top)[1] * page_height
    side = max(_sharpest(y, left)[1], _sharpest(y, left + width)[1]) * page_width
    return bool(head > 1.15 * foot or side > 1.15 * foot)


def _sharpest(along: Edges, across: Edges, *, fine: bool = False) -> tuple[float, float, float]:
    """The angle in degrees at which points fall on the fewest lines, how sharply they do there,
    and how sharply at angle 0."""
    import numpy as np

    def sharpness(angles: Numbers) -> Numbers:
        levels = across[None, :] - np.tan(np.radians(angles))[:, None] * along[None, :]
        levels = (levels - levels.min(axis=1, keepdims=True)).astype(np.int64)
        return np.array([float((np.bincount(row) ** 2.0).sum()) for row in levels])

    angles = np.arange(-_STEEPEST, _STEEPEST + 0.1, 0.5)
    scores = sharpness(angles)
    level = float(scores[len(scores) // 2])
    if fine:
        best = float(angles[int(scores.argmax())])
        angles = np.arange(best - 0.5, best + 0.51, 0.1)
        scores = sharpness(angles)
    return round(float(angles[int(scores.argmax())]), 1), float(scores.max()), level


def ink_coverage(signals: Signals, words: list[DetectedWord]) -> float:
    """Share of the text-like ink that lies inside word boxes: 1 when all text was found.

    Rulings and pictures are no text-like ink. A margin of one pixel of the view is allowed for.
    """
    import numpy as np

    total = int(signals.text_ink.sum())
    if total == 0:
        return 1.0
    inside = np.zeros_like(signals.text_ink)
    scale = signals.scale
    for word in words:
        left, top = int(word.left * scale) - 1, int(word.top * scale) - 1
        right, bottom = int(word.right * scale) + 2, int(word.bottom * scale) + 2
        inside[max(0, top) : bottom, max(0, left) : right] = 1
    return float((signals.text_ink & inside).sum() / total)


def reading_scale(signals: Signals, dpi: int) -> float:
    """How much an image of ``dpi`` may be shrunk before it is recognised: 1 for not at all.

    Recognition scales every line to one height anyway. More pixels cost time where lines are
    searched for and cut out, and show it nothing.
    """
    import numpy as np

    heights = signals.components[:, 3]
    if len(heights) < _FEW:
        return 1.0
    letters = float(np.percentile(heights, _SMALL_PRINT)) / signals.scale
    return min(1.0, max(_LETTER_PIXELS / letters, _MIN_DPI / dpi))


def shrunk(gray: Gray, scale: float) -> Gray:
    """An image at a scale of :func:`reading_scale`."""
    import cv2
    import numpy as np

    if scale == 1:
        return gray
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def even_light(gray: Gray, signals: Signals, enlarge: int) -> Gray:
    """The remedy for photos: divide the background out and double the size (``enlarge`` 2).

    On shaded photos this took character errors from 51 to 1.7 %, but on scans from 0.7 to 3.7 %.
    """
    import cv2
    import numpy as np

    height, width = gray.shape
    paper = cv2.GaussianBlur(signals.background, (3, 3), 0)
    paper = cv2.resize(paper, (width, height), interpolation=cv2.INTER_CUBIC)
    flat = cv2.divide(gray, np.maximum(paper, 1), scale=255)
    size = (enlarge * width, enlarge * height)
    return np.asarray(cv2.resize(flat, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def increase_contrast(flat: Gray) -> Gray:
    """An evenly lit image with its ink made black: thin strokes that are out of focus are gray."""
    import numpy as np

    ink = flat[flat < _INK * 255]
    if not ink.size:
        return flat
    black = float(np.percentile(ink, _BLACK))
    spread = (flat.astype(np.float32) - black) * (255 / (_WHITE - black))
    made: Gray = np.clip(spread, 0, 255).astype(np.uint8)
    return made
