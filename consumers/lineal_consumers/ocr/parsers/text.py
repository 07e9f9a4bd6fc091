"""Plain text in any encoding."""

from __future__ import annotations

from pathlib import Path

from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage, engine


def read_text(path: Path) -> Parsed:
    """The text as one page; form feeds become line breaks."""
    text, encoding = decode(path.read_bytes())
    return Parsed(engine("charset-normalizer", encoding=encoding), [ParsedPage(text)])
