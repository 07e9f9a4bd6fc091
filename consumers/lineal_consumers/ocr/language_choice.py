"""Which language a page is in: it is recognised in the configured one, rated by its words and
script, and read again in its own where that is installed; else it is doubtful."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from lineal_catalog.language_identifier import language_identifier
from lineal_consumers.ocr import rapidocr
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.languages import OF_ISO, OF_SCRIPT, installed_languages, package_of
from lineal_consumers.ocr.recognition import UNCERTAIN_SHARE, Recognized, recognize_page
from lineal_consumers.ocr.scripts import is_japanese, is_unspaced

if TYPE_CHECKING:
    from lineal_consumers.ocr.page_raster import Raster

_MIN_WORDS = 15
"""Fewer tell little of the language: a receipt, a label, a short letter."""
_FEWEST_WORDS = 3
_LIKELY = 0.5
"""Of the language of a short page, from which it is read in that one too, where it is installed."""
_SURE = 0.98
_UNREADABLE_SHARE = 0.4
"""Share of words of low confidence from which they tell nothing of the language."""
_ENOUGH = 0.85
"""Of what was read with confidence before, where words say that it is another language."""


def recognize_in_its_language(raster: Raster, config: OcrConfig) -> tuple[Recognized, str]:
    """The page, read in the configured language or in its own; and which that is.

    Raises:
        TimeoutError: recognition takes too long.
    """
    configured = config.language.split("+")
    first = recognize_page(raster, config)
    if not config.detect_language:
        return first, config.language
    if first.engine == rapidocr.NAME and (language := _east_asian(first)):
        return first, language
    wanted, needed = _wanted(first, raster, configured)
    if not wanted or any(language in configured for language in wanted):
        return first, config.language
    there = [language for language in wanted if language in installed_languages()]
    if not there:
        doubt = (
            f"the page is in a language whose data are not installed ({wanted[0]}): "
            f"{package_of(wanted[0])}"
        )
        return replace(first, doubts=(*first.doubts, doubt)), config.language
    best, best_language = first, config.language
    bar = _worth(first) * needed
    for language in there:
        again = recognize_page(raster, config.model_copy(update={"language": language}))
        if _worth(again) > bar:
            best, best_language, bar = again, language, _worth(again)
    return best, best_language


def _east_asian(read: Recognized) -> str | None:
    """Japanese or Chinese, by the characters of what RapidOCR has read; it needs no choice."""
    letters = [c for line in read.lines for word in line.words for c in word.text if c.isalpha()]
    if sum(map(is_unspaced, letters)) < 0.5 * len(letters) or not letters:
        return None
    return "jpn" if sum(map(is_japanese, letters)) > 0.05 * len(letters) else "chi_sim"


def _wanted(
    read: Recognized, raster: Raster, configured: list[str]
) -> tuple[tuple[str, ...], float]:
    """The languages that the page may be in, none where the configured one is as good; and how much
    of what was read before has to be read in them."""
    words = [word.text for line in read.straight_lines for word in line.words]
    low = read.quality.low_confidence_share
    if low >= UNCERTAIN_SHARE or (not words and read.doubts):
        scripted = OF_SCRIPT.get(_script(raster), ())
        if scripted:
            return scripted, 1.0
    if low < _UNREADABLE_SHARE and len(words) >= _MIN_WORDS:
        language, confidence = _identifier().classify(" ".join(words))
        usual = {OF_ISO.get(language, "")}
        if confidence >= _SURE and "" not in usual and not usual.intersection(configured):
            return tuple(usual), _ENOUGH
    elif low < _UNREADABLE_SHARE and len(words) >= _FEWEST_WORDS:
        language, confidence = _identifier().classify(" ".join(words))
        name = OF_ISO.get(language, "")
        # Nothing is doubtful by so few words, but what reads them better is believed.
        if confidence >= _LIKELY and name in installed_languages() and name not in configured:
            return (name,), 1.0
    return (), 1.0


def _worth(read: Recognized) -> float:
    """How much was read with confidence, in characters."""
    return sum(
        len(word.text) * max(0.0, word.confidence - 0.5)
        for line in read.straight_lines
        for word in line.words
    )


def _script(raster: Raster) -> str:
    from lineal_consumers.ocr.tesseract import page_script

    # However unsure: a wrong guess costs one more reading, which has to be better than the first.
    return page_script(raster.gray, raster.dpi)[0]


@cache
def _identifier() -> Any:
    return language_identifier(OF_ISO)
