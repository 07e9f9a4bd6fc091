"""Plain text in any encoding."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage, engine

_ESCAPED = re.compile(
    r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u(?!d[89a-f])[0-9a-f]{4}", re.IGNORECASE
)
"""A backslash that is escaped itself, a pair of surrogates, or a letter."""
_REFERENCE = re.compile(r"&#(?:\d{1,7}|x[0-9a-fA-F]{1,6});")
_LOWEST = "\u00a0"
"""Characters below it are escaped because the format wants them to be."""


def read_text(path: Path) -> Parsed:
    """The text as one page; form feeds become line breaks. Letters that JSON and XML have by their
    numbers are shown: no search finds the numbers."""
    text, encoding = decode(path.read_bytes())
    begin = text.lstrip()[:1]
    if begin in ("{", "["):
        text = _ESCAPED.sub(_spelled, text)
    elif begin == "<":
        text = _REFERENCE.sub(_referred, text)
    return Parsed(engine("charset-normalizer", encoding=encoding), [ParsedPage(text)])


def _spelled(found: re.Match[str]) -> str:
    letter: str = json.loads(f'"{found[0]}"')
    return letter if letter >= _LOWEST else found[0]


def _referred(found: re.Match[str]) -> str:
    letter = unescape(found[0])
    return letter if letter >= _LOWEST else found[0]
