"""Plain text files, as somebody who opens them in an editor or a terminal sees them."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

from lineal_consumers.ocr.parsers.content_lines import is_content_lines, readable_lines
from lineal_consumers.ocr.parsers.decoding import decode, decoding_doubt
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage, engine

_ESCAPED = re.compile(
    r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u(?!d[89a-f])[0-9a-f]{4}", re.IGNORECASE
)
"""A backslash that is escaped itself, a pair of surrogates, or a letter."""
_SETTING = re.compile(
    r"^(?:[ \t]*[\w.-]{1,100}[ \t]*[=:]|[^\n]*\{[ \t]*\")[^\n]*\\u[0-9a-fA-F]{4}[^\n]*",
    re.MULTILINE,
)
"""A setting of a Java program, or a line with an object of JSON, that has a letter by its number;
in prose it is meant as it stands."""
_BREAK = re.compile(r"\\\\|\\[bfnrt]")
"""A backslash that is escaped itself, or a break of a line or a tab."""
_REFERENCE = re.compile(r"&#(?:\d{1,7}|x[0-9a-fA-F]{1,6});")
_LOWEST = "\u00a0"
"""Characters below it are escaped because the format wants them to be."""
_TERMINAL = re.compile(
    r"\x1b(?:\[[0-9:;<=>?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
)
"""What tells a terminal a colour or a title."""
_OVERSTRUCK = re.compile(r"[^\n]\x08")
"""A character and the step back over it: printed twice for bold, or underlined."""


def read_text(path: Path) -> Parsed:
    """The text as one page; form feeds become line breaks. Letters that are written by their
    numbers, and breaks within texts of JSON, are shown: no search finds the words with them."""
    data = path.read_bytes()
    text, encoding = decode(data)
    page = ParsedPage(text)
    if is_content_lines(text):
        page.text, page.pictures = readable_lines(text)
    else:
        page.text = _readable(text)
    if doubt := decoding_doubt(data, text, encoding):
        page.doubt(doubt)
    return Parsed(engine("charset-normalizer", encoding=encoding), [page])


def _readable(text: str) -> str:
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    if "\x08" in text:
        text = _OVERSTRUCK.sub("", text)
    begin = text.lstrip()[:1]
    if begin == "<":
        return _REFERENCE.sub(_referred, text)
    if begin in ("{", "["):
        return _BREAK.sub(_broken, _ESCAPED.sub(_spelled, text))
    return _SETTING.sub(lambda line: _ESCAPED.sub(_spelled, line[0]), text)


def _spelled(found: re.Match[str]) -> str:
    letter: str = json.loads(f'"{found[0]}"')
    return letter if letter >= _LOWEST else found[0]


def _broken(found: re.Match[str]) -> str:
    if found[0] == r"\\":
        return found[0]
    return "\n" if found[0] == r"\n" else " "


def _referred(found: re.Match[str]) -> str:
    letter = unescape(found[0])
    return letter if letter >= _LOWEST else found[0]
