"""Finds on which line of a TOML file a key is, so that an error can say it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=""")
_TEXT = re.compile(r'"""|\'\'\'')
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


def lines_of_keys(text: str) -> dict[tuple[str, ...], int]:
    """The line, from 1, of each table's header and each key. What is inside an array or an inline
    table is at the line of its key, unless an element stands on a line of its own."""
    found: dict[tuple[str, ...], int] = {(): 1}
    table: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    depth, element, quote = 0, 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            quote = "" if quote in line else quote
            continue
        if depth == 0:
            if header := _HEADER.match(line):
                table = _parts(header[1])
                found.setdefault(table, number)
                continue
            if begun := _KEY.match(line):
                key, element = (*table, *_parts(begun[1])), 0
                found.setdefault(key, number)
        elif line.strip() and not line.lstrip().startswith(("#", "]", "}")):
            for _ in _elements(line):
                found.setdefault((*key, str(element)), number)
                element += 1
        opened = _TEXT.findall(line)
        if len(opened) % 2:
            quote = opened[-1]
            continue
        plain = _QUOTED.sub("", line).split("#")[0]
        if depth == 0 and "=" in plain:
            plain = plain.split("=", 1)[1]
        depth = max(0, depth + len(re.findall(r"[\[{]", plain)) - len(re.findall(r"[\]}]", plain)))
    return found


def line_of(lines: dict[tuple[str, ...], int], place: Sequence[str | int]) -> int:
    """The line of a place in the file: its own, or that of what it is in."""
    parts = tuple(str(part) for part in place)
    while parts not in lines:
        parts = parts[:-1]
    return lines[parts]


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.]+', key))


def _elements(line: str) -> list[str]:
    return _QUOTED.findall(line.split("#")[0] if '"' not in line else line) or [line]
