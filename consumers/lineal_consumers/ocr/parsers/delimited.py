"""CSV and its relatives: one table, whatever it is delimited by."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from lineal_consumers.ocr.parsers.decoding import decode, decoding_doubt
from lineal_consumers.ocr.parsers.grid import tidy
from lineal_consumers.ocr.parsers.parsed import (
    MAX_CHARACTERS,
    Parsed,
    ParsedPage,
    engine,
    row_line,
    table,
)

_DELIMITERS = ",;\t|^~"
_LAST = ":"
"""Where no other is there: it stands in times and in addresses."""
_SAMPLE_LINES = 100
_SAMPLE_CHARACTERS = 256 * 1024
_DECIMAL_COMMA = re.compile(r"\s*[-+]?[€$£]?\s?\d+(?:[. ']\d{3})*,\d+\s?[€$£%]?\s*")
_PROSE = re.compile(r"[^,;\t|^~]*[^\W\d](?:[,;] [^,;\t|^~]*)+")


def read_delimited(path: Path) -> Parsed:
    """The table, and the same as text with a line a row."""
    data = path.read_bytes()
    text, encoding = decode(data)
    csv.field_size_limit(MAX_CHARACTERS)
    delimiter, text = _delimiter(text.replace("\x00", ""))
    rows = tidy(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    page = ParsedPage("\n".join(map(row_line, rows)), [table(rows)] if rows else [])
    if doubt := decoding_doubt(data, text, encoding):
        page.doubt(doubt)
    return Parsed(engine("python-csv", encoding=encoding, delimiter=delimiter), [page])


def _delimiter(text: str) -> tuple[str, str]:
    """The delimiter that splits the first lines most evenly into most cells, and the text
    without the line in which Excel states it."""
    first, _, rest = text.partition("\n")
    stated = first.strip().lower()
    if len(stated) == 5 and stated.startswith("sep="):
        return stated[4], rest
    lines = text[:_SAMPLE_CHARACTERS].splitlines()[:_SAMPLE_LINES]
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        widths = [len(row) for row in rows]
        if not widths or max(widths) < 2:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        # One cell a line is what every wrong delimiter gives.
        score = widths.count(usual) / len(widths) * (1 + min(usual, 50) / 100) if usual > 1 else 0.1
        # Cells that would be cut once more: the delimiter was a decimal comma, or a mark in prose.
        score *= 1 - _cut_share(rows, delimiter) / 2
        if score > best_score:
            best, best_score = delimiter, score
    if not best_score and _splits_evenly(lines, _LAST):
        return _LAST, text
    return best, text


def _splits_evenly(lines: list[str], delimiter: str) -> bool:
    """Whether each line has as many cells, and words among them: figures alone are times."""
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    widths = {len(row) for row in rows}
    return (
        len(rows) > 1
        and len(widths) == 1
        and min(widths) > 1
        and all(any(map(str.isalpha, "".join(row))) for row in rows)
    )


def _cut_share(rows: list[list[str]], delimiter: str) -> float:
    """The share of the rows that hold another delimiter, other than as a decimal comma or a mark
    between words."""
    others = _DELIMITERS.replace(delimiter, "")
    cut = sum(
        any(
            any(other in cell for other in others)
            and not _DECIMAL_COMMA.fullmatch(cell)
            and not _PROSE.fullmatch(cell)
            for cell in row
        )
        for row in rows
    )
    return cut / len(rows)
