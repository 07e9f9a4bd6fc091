"""Recognition by libtesseract in this process.

tesserocr rather than the command line (half as fast: a process and an image file a page) or
OCRmyPDF as a library (0.77 pages/s a core against 1.41, measured in 2026-11).
"""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal.workers.memory import release_memory
from lineal_consumers.ocr.languages import ORIENTATION, joined_folder
from lineal_consumers.ocr.reading_time import seconds_left
from lineal_consumers.ocr.scripts import in_logical_order

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]

# Tesseract's OpenMP threads fight over cores that other workers use: a page takes eight times as
# long. libgomp reads this when the library is loaded, so it is set before any import of it.
os.environ["OMP_THREAD_LIMIT"] = "1"


NAME = "tesseract"
_KOREAN = "kor"
"""The search for columns and pictures takes it apart: of two letters it lost a tenth and four
fifths of the text, and nothing where it was left out. Columns are found among the words. And its
words are taken apart into syllables, but in the text of the page."""
_BUSY = 0.6
"""Share of the time by the clock that was this process's own."""


class DetectedWord(NamedTuple):
    """A recognised word and its box in pixels."""

    text: str
    confidence: float
    """0 to 1."""
    left: float
    top: float
    right: float
    bottom: float
    new_line: bool
    new_paragraph: bool


def engine_version() -> str:
    """The version of libtesseract, as it states it itself."""
    import tesserocr

    return str(tesserocr.tesseract_version()).splitlines()[0].removeprefix("tesseract").strip()


@lru_cache(maxsize=2)
def _api(language: str) -> Any:
    import tesserocr

    return tesserocr.PyTessBaseAPI(
        path=joined_folder(),
        lang=language,
        oem=tesserocr.OEM.LSTM_ONLY,
        psm=tesserocr.PSM.AUTO,
    )


def release_engines() -> None:
    """Give back what it holds, for an engine that takes much memory; it is loaded again in a tenth
    of a second."""
    _api.cache_clear()
    _orientation_api.cache_clear()
    release_memory()


@lru_cache(maxsize=1)
def _orientation_api() -> Any:
    import tesserocr

    return tesserocr.PyTessBaseAPI(
        path=joined_folder(), lang=ORIENTATION, psm=tesserocr.PSM.OSD_ONLY
    )


def recognize(
    gray: Gray, dpi: int, language: str, seconds: float, *, block: bool = False
) -> list[DetectedWord]:
    """The words of an image in reading order; blanks and words without letters are left out.

    ``block``: the image is a block of text, and is not searched for columns and pictures.

    Raises:
        TimeoutError: it takes longer than ``seconds``, or than the page may take; so a page of
            noise fails and not its worker.
    """
    import tesserocr

    api = _api(language)
    korean = _KOREAN in language.split("+")
    mode = tesserocr.PSM.AUTO
    if block:
        mode = tesserocr.PSM.SINGLE_BLOCK
    elif korean:
        mode = tesserocr.PSM.SINGLE_COLUMN
    api.SetPageSegMode(mode)
    height, width = gray.shape
    api.SetImageBytes(gray.tobytes(), width, height, 1, width)
    api.SetSourceResolution(dpi)
    if not _recognized(api, seconds):
        api.Clear()
        raise TimeoutError("recognition takes too long")
    level = tesserocr.RIL
    word_level, line_level, paragraph_level = level.WORD, level.TEXTLINE, level.PARA
    words: list[DetectedWord] = []
    tokens = api.GetUTF8Text().split()[::-1] if korean else []
    new_line = new_paragraph = True
    iterator = api.GetIterator()
    while iterator is not None:
        if not iterator.Empty(word_level):
            if iterator.IsAtBeginningOf(line_level):
                new_line = True
                new_paragraph = new_paragraph or iterator.IsAtBeginningOf(paragraph_level)
            # The letters of a word come as they are seen, words as they are read.
            text = in_logical_order("".join(iterator.GetUTF8Text(word_level).split()))
            box = iterator.BoundingBox(word_level)
            if text and box:
                confidence = iterator.Confidence(word_level) / 100
                left, top, right, bottom = box
                word = DetectedWord(
                    text, confidence, left, top, right, bottom, new_line, new_paragraph
                )
                if korean and not _begins_token(words, text, tokens) and not new_line:
                    words[-1] = joined(words[-1], word)
                else:
                    words.append(word)
                new_line = new_paragraph = False
        if not iterator.Next(word_level):
            break
    # What a page taught the classifier must not change the next one: equal input, equal output.
    api.ClearAdaptiveClassifier()
    api.Clear()
    return words


def _begins_token(words: list[DetectedWord], text: str, tokens: list[str]) -> bool:
    """Whether ``text`` begins a word, and does not go on with the last one. The words of the page
    in its text, the next one last, are taken from ``tokens`` as they are completed."""
    if words and tokens and tokens[-1] == words[-1].text:
        tokens.pop()
    goes_on = words and tokens and tokens[-1].startswith(words[-1].text + text)
    return not goes_on


def joined(before: DetectedWord, word: DetectedWord) -> DetectedWord:
    """Two words that are one, in the box of both and no surer than the less sure."""
    return before._replace(
        text=before.text + word.text,
        confidence=min(before.confidence, word.confidence),
        left=min(before.left, word.left),
        top=min(before.top, word.top),
        right=max(before.right, word.right),
        bottom=max(before.bottom, word.bottom),
    )


def _recognized(api: Any, seconds: float) -> bool:
    """Recognise what is set, and say whether that ended in time. Tesseract's limit is by the clock,
    and the page's is of processor time: where others have had the processor, it is tried again."""
    limit = min(seconds, seconds_left())
    begun = time.process_time()
    if api.Recognize(max(1, int(limit * 1000))):
        return True
    used = time.process_time() - begun
    if used > _BUSY * limit or limit >= seconds:
        return False
    return bool(api.Recognize(max(1, int(seconds * 1000))))


def page_script(gray: Gray, dpi: int) -> tuple[str, float]:
    """The script of a page (``Latin``, ``Japanese``, ``Arabic``) and how sure that is; no name
    where it cannot be told."""
    api = _orientation_api()
    height, width = gray.shape
    api.SetImageBytes(gray.tobytes(), width, height, 1, width)
    api.SetSourceResolution(dpi)
    found = api.DetectOrientationScript()
    api.Clear()
    return (str(found["script_name"]), float(found["script_conf"])) if found else ("", 0.0)


def upright_rotation(gray: Gray, dpi: int) -> int | None:
    """The degrees clockwise by which to turn the image upright; None if unsure.

    Tesseract's orientation detection works as well at 150 dpi and takes a quarter of the time.
    """
    import cv2

    if min(gray.shape) < 32:
        return None
    if dpi > 200:
        scale = 150 / dpi
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        dpi = 150
    api = _orientation_api()
    height, width = gray.shape
    api.SetImageBytes(gray.tobytes(), width, height, 1, width)
    api.SetSourceResolution(dpi)
    found = api.DetectOrientationScript()
    api.Clear()
    if not found or found["orient_conf"] < 1.5:
        return None
    return (360 - int(found["orient_deg"])) % 360
