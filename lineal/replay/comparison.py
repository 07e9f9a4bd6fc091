"""Compares two outputs of a stage: field by field, and into the objects they refer to."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import orjson

_MAX_VALUE = 300
"""Characters of a value that are shown."""
_MAX_DIFFERENCES = 200
"""Of one output."""
_MISSING = object()
_GZIP = b"\x1f\x8b"
_UNLISTED = ("*",)


class Difference(NamedTuple):
    """One value that is not what it was."""

    path: str
    """Field names and places in lists, joined by dots: ``fields.3.value``."""
    kind: Literal["changed", "added", "removed"]
    old: str | None
    new: str | None

    @property
    def field(self) -> str:
        """The path without places in lists: what is counted over many outputs."""
        return ".".join("*" if part.isdigit() else part for part in self.path.split("."))


def differences(old: object, new: object) -> list[Difference]:
    """What differs between two JSON values."""
    found: list[Difference] = []
    for difference in _compare((), old, new):
        found.append(difference)
        if len(found) == _MAX_DIFFERENCES:
            break
    return found


def as_json(data: bytes) -> object:
    """An object's bytes as a JSON value: unpacked if they are; of text its lines; of anything else
    its size."""
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError):
            return {"bytes": len(data)}
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return data.decode().splitlines()
    except UnicodeDecodeError:
        return {"bytes": len(data)}


def _compare(path: tuple[str, ...], old: object, new: object) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from _compare(
                (*path, str(name)), old.get(name, _MISSING), new.get(name, _MISSING)
            )
        return
    if isinstance(old, list) and isinstance(new, list):
        yield from _compare_lists(path, old, new)
        return
    kind: Literal["changed", "added", "removed"] = "changed"
    if old is _MISSING:
        kind = "added"
    elif new is _MISSING:
        kind = "removed"
    yield Difference(".".join(path), kind, _shown(old), _shown(new))


def _compare_lists(path: tuple[str, ...], old: list[Any], new: list[Any]) -> Iterator[Difference]:
    """Lists of the same length item by item; of others what is in one only, as sets of values, so
    that one more item in front is one difference and not as many as there are items."""
    if len(old) == len(new):
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _compare((*path, str(place)), before, after)
        return
    befores = {_key(item): item for item in old}
    afters = {_key(item): item for item in new}
    for key, item in befores.items():
        if key not in afters:
            yield Difference(".".join((*path, *_UNLISTED)), "removed", _shown(item), None)
    for key, item in afters.items():
        if key not in befores:
            yield Difference(".".join((*path, *_UNLISTED)), "added", None, _shown(item))


def _key(item: object) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def _shown(value: object) -> str | None:
    if value is _MISSING:
        return None
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"
