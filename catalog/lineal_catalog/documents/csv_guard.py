"""CSV that a spreadsheet program shows and does not run.

A cell that begins like a formula gets an apostrophe in front, as OWASP's page on CSV injection
says; numbers and dates, which are none, are left as they are.
"""

from __future__ import annotations

import csv
import io
import re

_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""And their full-width forms, which some programs take for them."""
_NUMBER = re.compile(r"[-+]?[€$£¥]?\s?\d[\d .,:'/()-]*\s?[%€$£¥]?")
_MAX_FIELD = 1 << 31


def guard_csv(data: bytes) -> bytes:
    """Exported CSV in UTF-8 with every cell that begins like a formula made into text."""
    csv.field_size_limit(_MAX_FIELD - 1)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for row in csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline="")):
        writer.writerow([_guarded(cell) for cell in row])
    return out.getvalue().encode()


def _guarded(cell: str) -> str:
    if cell.lstrip(" ").startswith(_BEGINNINGS) and not _NUMBER.fullmatch(cell.strip(" ")):
        return f"'{cell}"
    return cell
