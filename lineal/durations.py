"""Durations as people write them in settings and on the command line."""

from __future__ import annotations

import re

from lineal.errors import LinealError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class WrongDuration(LinealError, ValueError):
    """A text is no duration; says which are."""


def seconds_of(text: str) -> float:
    """A duration like ``30s``, ``15m``, ``2h`` or ``1d``, in seconds.

    Raises:
        WrongDuration: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or not float(found[1]):
        raise WrongDuration(f"{text!r} is no duration like 30s, 15m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2]]
