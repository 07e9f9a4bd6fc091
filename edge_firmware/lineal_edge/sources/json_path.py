"""Finds a value in JSON by a path such as ``$.sensors[0].value``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\[['\"]([^'\"]+)['\"]\]")


def parse_path(text: str) -> tuple[str | int, ...]:
    """The steps of a path: names, and numbers within lists (RFC 9535, one value only). ``$`` alone
    is the whole message.

    Raises:
        ValueError: it is no such path.
    """
    rest = text.removeprefix("$")
    steps: list[str | int] = []
    while rest:
        found = _STEP.match(rest)
        if found is None:
            raise ValueError(f"path {text!r} is not understood at {rest!r}: $.sensors[0].value")
        name, index, quoted = found.groups()
        steps.append(int(index) if index is not None else name or quoted)
        rest = rest[found.end() :]
    return tuple(steps)


def follow_path(value: Any, steps: Sequence[str | int]) -> Any:
    """What is at the end of a path; None where it leads nowhere."""
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
