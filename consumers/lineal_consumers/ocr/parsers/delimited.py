"""CSV and its relatives: one table, whatever it is delimited by."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.grid import tidy
from lineal_consumers.ocr.parsers.parsed import (
    MAX_CHARACTERS,
    Parsed,
    ParsedPage,
    engine,
    row_line,
    table,
)

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 100


def read_delimited(path: Path) -> Parsed:
    """The table, and the same as text with a line a row."""
    text, encoding = decode(path.read_bytes())
    delimiter, text = _delimiter(text.replace("\x00", ""))
    csv.field_size_limit(MAX_CHARACTERS)
    rows = tidy(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    page = ParsedPage("\n".join(map(row_line, rows)), [table(rows)] if rows else [])
    return Parsed(engine("python-csv", encoding=encoding, delimiter=delimiter), [page])


def _delimiter(text: str) -> tuple[str, str]:
    """The delimiter that splits the first lines most evenly into most cells, and the text
    without the line in which Excel states it."""
    first, _, rest = text.partition("\n")
    stated = first.strip().lower()
    if len(stated) == 5 and stated.startswith("sep="):
        return stated[4], rest
    lines = text[: 256 * 1024].splitlines()[:_SAMPLE_LINES]
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if not widths or max(widths) < 2:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        # One cell a line is what every wrong delimiter gives.
        score = widths.count(usual) / len(widths) * (1 + min(usual, 50) / 100) if usual > 1 else 0.1
        if score > best_score:
            best, best_score = delimiter, score
    return best, text
