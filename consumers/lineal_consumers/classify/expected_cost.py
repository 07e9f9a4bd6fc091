"""Estimates the cost of an inspection from a file's first bytes and its size."""

from __future__ import annotations

from pathlib import Path

from lineal.workers.costs import Cost, cost_kind

_FREE_SECONDS = 4.0
"""Of processor time for a file of any size."""
_BYTES_PER_SECOND = 50_000
"""Of the file, for each further second."""
_HEAD_BYTES = 512
_TEXT_BYTES = frozenset({*b"\t\n\f\r", *range(0x20, 0x7F), *range(0x80, 0x100)})


def expected_cost(path: Path) -> Cost:
    """The time limit of an inspection in seconds, and the kind that the file is counted under."""
    size = path.stat().st_size
    with path.open("rb") as file:
        form = _form(file.read(_HEAD_BYTES))
    return Cost(
        kind=cost_kind(form, size),
        limit=_FREE_SECONDS + size / _BYTES_PER_SECOND,
        cheap=form == "text",
    )


def _form(head: bytes) -> str:
    if head.startswith(b"%PDF"):
        return "pdf"
    if head.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<"):
        return "markup"
    return "text" if _TEXT_BYTES.issuperset(head) else head[:4].hex()
