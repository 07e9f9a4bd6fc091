"""Finds the line of a setting in a TOML text, which parsers do not keep."""

from __future__ import annotations

import re
from collections.abc import Sequence


def line_of(text: str, path: Sequence[str]) -> int:
    """The line of a TOML text in which a key is set, or a table that is named by it or begins with
    it; else the table that it belongs to."""
    best, depth = 1, 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]", line):
            table = _keys(heading[1])
            reached = table
        elif setting := re.match(r"\s*([^=#\[]+?)\s*=", line):
            reached = (*table, *_keys(setting[1]))
        else:
            continue
        # `[channel.suction]` is where `channel` is: nobody writes `[channel]` alone
        common = min(len(reached), len(path))
        if common > depth and tuple(path[:common]) == reached[:common]:
            best, depth = number, common
    return best


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(
        part[0] or part[1] or part[2]
        for part in re.findall(r"\"([^\"]*)\"|'([^']*)'|([^.\s\"']+)", dotted)
    )
