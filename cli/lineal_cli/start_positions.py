"""Parses positions in a topic: ``beginning``, ``now``, a time, an offset."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import typer

_UNIT_US = {
    "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
    "w": 604_800_000_000,
}  # fmt: skip
_RELATIVE = re.compile(r"(\d{1,9}) ?([smhdw])", re.ASCII)
_OFFSET = re.compile(r"\d{1,12}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SYNTAX = "beginning, now, a time (2026-11-21T09:30, 10m, 2h, 3d) or an offset"


@dataclass(frozen=True, slots=True)
class StartPosition:
    """A position in a topic; at most one of the three is set, none of them is the beginning."""

    time: int | None = None
    """Microseconds since the Unix epoch."""
    offset: int | None = None
    """The same in every partition."""
    now: bool = False


def parse_position(text: str, now_us: int, option: str = "--from") -> StartPosition:
    """Read a position in a topic.

    ``10m`` is ten minutes before now (s, m, h, d, w); digits alone are an offset; anything else
    must be ISO 8601, where a time without an offset from UTC is local, as ``lineal`` prints them.

    Raises:
        typer.BadParameter: it is none of these.
    """
    wanted = text.strip()
    if wanted == "beginning":
        return StartPosition()
    if wanted == "now":
        return StartPosition(now=True)
    if _OFFSET.fullmatch(wanted):
        return StartPosition(offset=int(wanted))
    if relative := _RELATIVE.fullmatch(wanted):
        count, unit = relative.groups()
        return StartPosition(time=max(0, now_us - int(count) * _UNIT_US[unit]))
    try:
        stamp = datetime.fromisoformat(wanted).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise typer.BadParameter(f"{text!r} is not {SYNTAX}", param_hint=option) from error
    return StartPosition(time=(stamp - _EPOCH) // timedelta(microseconds=1))
