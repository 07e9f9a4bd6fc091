"""CSV that a spreadsheet program shows and does not run.

A cell that begins like a formula gets an apostrophe in front, as OWASP's page on CSV injection
says; numbers and dates, which are none, are left as they are. So does what follows a semicolon or
a line break inside a cell: where the semicolon separates cells, as in much of Europe, programs
begin a new cell there whatever the quotes say.
"""

from __future__ import annotations

import csv
import io
import re

_FORMULA = re.compile(
    # What is not seen may stand before it.
    r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060\ufeff]*"
    # Full-width forms and the minus sign are taken for them by some programs.
    r"[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]"
)
_CONTROL = ("\t", "\r", "\n")
_NUMBER = re.compile(r"[-+\u2212]?[€$£¥]?\s?\d[\d .,:'/()-]*\s?([%€$£¥]|[A-Z]{3})?")
_WITHIN = re.compile(r"([;\r\n]+)")
_MAX_FIELD = 1 << 31


def guard_csv(data: bytes) -> bytes:
    """Exported CSV in UTF-8 with everything that begins like a formula made into text."""
    csv.field_size_limit(_MAX_FIELD - 1)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for row in csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline="")):
        writer.writerow([_guarded(cell) for cell in row])
    return out.getvalue().encode()


def _guarded(cell: str) -> str:
    first, *rest = _WITHIN.split(cell)
    if cell.startswith(_CONTROL) or _is_formula(first):
        first = f"'{first}"
    return first + "".join(f"'{part}" if _is_formula(part) else part for part in rest)


def _is_formula(text: str) -> bool:
    return _FORMULA.match(text) is not None and not _NUMBER.fullmatch(text.strip(" "))
