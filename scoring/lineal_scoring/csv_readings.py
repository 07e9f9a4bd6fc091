"""Readings in CSV files, as people and machines write them.

Delimiters ``,`` ``;`` tab and ``|``, decimal points and commas, UTF-8 with and without its mark and
UTF-16, missing values under several names, times and labels beside the readings, lines above the
header. What is left out is named with its reason.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

_DELIMITERS = ";\t|,"
_SAMPLE = 500
_HEAD_LINES, _LINES_BELOW = 50, 10
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_MISSING = frozenset(
    ("", "-", "null", "none", "na", "n/a", "nan", "#n/a", "inf", "-inf", "infinity", "-infinity")
)
_CLOCK = r"\d\d?:\d\d.*"
_TIME = re.compile(
    rf"\d{{4}}-\d\d?-\d\d?([T ]{_CLOCK})?|\d\d?[./]\d\d?[./]\d{{2,4}}( {_CLOCK})?|{_CLOCK}"
)
_OTHER_FILES = (
    (b"PK\x03\x04", "a ZIP archive, as spreadsheets are: save it as CSV"),
    (b"\x1f\x8b", "compressed by gzip: unpack it first"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet: save it as CSV"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3", "a SQLite database"),
    (b"PAR1", "a Parquet file"),
)
_CONTROLS = frozenset(range(1, 32)) - frozenset(b"\t\n\r\f\x1a\x1b")
_MAX_CONTROLS = 0.02
_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""The line by which spreadsheets say their delimiter."""
_MINUS = "\N{MINUS SIGN}"
_TIME_NAMES = frozenset(
    "time timestamp ts t epoch date datetime zeit datum zeitstempel uhrzeit heure".split()  # noqa: SIM905
) | {"date time", "date/time", "date & time", "datum zeit", "datum/zeit", "time stamp"}
_CLOCK_ROWS = 10
_EPOCHS = ((1e9, 1e10), (1e12, 1e13), (1e15, 1e16))
"""Seconds, milliseconds and microseconds since 1970, from 2001 on."""
_LABELS = frozenset(("anomaly", "anomalous", "changepoint", "label", "class", "target", "fault"))
_TIME_SHARE, _NUMERIC_SHARE = 0.9, 0.5


class LeftOut(NamedTuple):
    """A column that is not read, and why."""

    column: str
    why: str


@dataclass(frozen=True)
class CsvLayout:
    """How a file is written, and what of it are readings."""

    encoding: str
    delimiter: str
    decimal: str
    """``.`` or ``,``."""
    header: tuple[str, ...]
    """The names of all columns; a name that comes again has ``_2`` and so on behind it."""
    columns: tuple[str, ...]
    """Those that hold readings, in the order of the file."""
    left_out: tuple[LeftOut, ...]
    above: int = 0
    """Lines above the header."""

    def number(self, text: str) -> float | None:
        """The number that a cell holds; NaN where it is missing, None where it holds a text.

        Underscores, thousands and words such as ``inf`` are no numbers here.
        """
        return number(text, self.decimal)

    def rows(self, file: Path) -> Iterator[list[str]]:
        """The rows behind the header, as texts."""
        with file.open(newline="", encoding=self.encoding, errors="replace") as lines:
            below = islice(lines, self.above, None)
            rows = csv.reader((line.replace("\0", "") for line in below), delimiter=self.delimiter)
            next(rows, None)
            yield from rows


def number(text: str, decimal: str = ",") -> float | None:
    """The number that a text is; NaN where it is missing, None where it is something else.

    With a decimal comma, points are taken too.
    """
    cell = text.strip().replace(_MINUS, "-")
    if cell.lower() in _MISSING:
        return math.nan
    if decimal == ",":
        cell = cell.replace(",", ".")
    return float(cell) if _NUMBER.fullmatch(cell) else None


def detect_layout(file: Path) -> CsvLayout:
    """Look at the first rows of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text, or has no header.
    """
    with file.open("rb") as data:
        start = data.read(4096)
    if what := _other_kind(start):
        raise ValueError(f"{file} is no CSV file but {what}")
    encoding = encoding_of(start)
    with file.open(newline="", encoding=encoding, errors="replace") as lines:
        above, delimiter = _header_of([line.rstrip("\r\n") for line in islice(lines, _HEAD_LINES)])
    with file.open(newline="", encoding=encoding, errors="replace") as lines:
        below = islice(lines, above, None)
        reader = csv.reader((line.replace("\0", "") for line in below), delimiter=delimiter)
        named = next(reader, [])
        sample = [row for row in islice(reader, _SAMPLE) if row]
    if not any(name.strip() for name in named):
        raise ValueError(f"{file} has no header")
    if len(named) > 1 and all(_is_value(name) for name in named):
        raise ValueError(f"{file} has no header: its first line holds values, not names")
    decimal = _decimal(sample, delimiter)
    header = distinct(named)
    layout = CsvLayout(encoding, delimiter, decimal, header, (), (), above)
    columns: list[str] = []
    left_out: list[LeftOut] = []
    for index, name in enumerate(header):
        cells = [row[index] for row in sample if index < len(row)]
        if why := _why_no_readings(layout, name, cells):
            left_out.append(LeftOut(name, why))
        else:
            columns.append(name)
    return replace(layout, columns=tuple(columns), left_out=tuple(left_out))


def _header_of(lines: Sequence[str]) -> tuple[int, str]:
    """How many lines stand above the header, and what stands between its cells.

    The header is the line of names with the most cells that most lines below it have as many of
    (decimal commas make cells of a title's comma, too); else the first line that is not empty.
    """
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if not filled:
        return 0, ","
    if said := _SEPARATOR.fullmatch(lines[filled[0]]):
        return filled[0] + 1, said[1]
    found, most = (filled[0], delimiter_of(lines[filled[0]])), 1
    for place, number in enumerate(filled):
        delimiter = delimiter_of(lines[number])
        cells = _cells(lines[number], delimiter)
        below = [lines[n] for n in filled[place + 1 : place + 1 + _LINES_BELOW]]
        alike = sum(len(_cells(line, delimiter)) == len(cells) for line in below)
        named = 2 * sum(map(_is_value, cells)) <= len(cells)
        if len(cells) > most and 2 * alike > len(below) and named:
            found, most = (number, delimiter), len(cells)
    return found


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line.replace("\0", "")], delimiter=delimiter), [])


def _is_value(cell: str) -> bool:
    """Whether a cell holds a number, a time or nothing: no name of a column."""
    return number(cell) is not None or bool(_TIME.fullmatch(cell.strip()))


def encoding_of(start: bytes) -> str:
    """The encoding of a file that begins so: by its mark, else UTF-8, else that of Windows."""
    if start[:2] == codecs.BOM_UTF16_LE or start[:2] == codecs.BOM_UTF16_BE:
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _other_kind(start: bytes) -> str:
    """What a file is that begins so, if it is no text; empty if it can be one."""
    known = next((what for mark, what in _OTHER_FILES if start.startswith(mark)), "")
    if known or start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return known
    controls = sum(byte in _CONTROLS for byte in start)
    return "binary data" if controls > _MAX_CONTROLS * len(start) else ""


def delimiter_of(header: str) -> str:
    """What stands between the cells of a header."""
    return max(_DELIMITERS, key=header.count)


def _decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    if delimiter == ",":
        return "."
    cells = [cell.strip() for row in rows for cell in row]
    with_comma = sum(bool(re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", cell)) for cell in cells)
    with_point = sum(bool(re.fullmatch(r"[+-]?\d*\.\d+([eE][+-]?\d+)?", cell)) for cell in cells)
    return "." if with_point > with_comma else ","


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, none empty; one that comes again has ``_2`` and so on behind it."""
    given = [name.strip() or f"column_{index}" for index, name in enumerate(names, 1)]
    header: list[str] = []
    for place, name in enumerate(given):
        count = given[:place].count(name) + 1
        found = name
        # Another column may be called `temp_2` already.
        while count > 1 and ((found := f"{name}_{count}") in header or found in given):
            count += 1
        header.append(found)
    return tuple(header)


def _why_no_readings(layout: CsvLayout, name: str, cells: Sequence[str]) -> str:
    """Why a column is no readings; empty if it is."""
    present = [cell.strip() for cell in cells if cell.strip().lower() not in _MISSING]
    if not present:
        return "it is empty"
    if sum(bool(_TIME.fullmatch(cell)) for cell in present) >= _TIME_SHARE * len(present):
        return "it is a time"
    numbers = [number for cell in present if (number := layout.number(cell)) is not None]
    if len(numbers) <= _NUMERIC_SHARE * len(present):
        text = next(cell for cell in present if layout.number(cell) is None)
        return f"it holds texts, such as {text[:40]!r}"
    if is_time_name(name) and _is_clock(numbers):
        return "it is a time"
    if name.lower() in _LABELS and set(numbers) <= {0.0, 1.0}:
        return "it looks like a label; ask for it by its name if it is measured"
    return ""


def _is_clock(numbers: Sequence[float]) -> bool:
    """Whether numbers only rise, or are times since 1970."""
    if any(all(low <= number < high for number in numbers) for low, high in _EPOCHS):
        return True
    return len(numbers) >= _CLOCK_ROWS and all(a < b for a, b in pairwise(numbers))


def is_time_name(column: str) -> bool:
    """Whether a column is called as those of times are: ``timestamp``, ``Zeit (s)``."""
    return re.split(r"[(\[]", column.lower())[0].strip() in _TIME_NAMES
