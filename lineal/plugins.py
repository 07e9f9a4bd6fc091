"""What installed packages bring, found by entry points: nothing is imported by name.

A plug-in that fails to import is named and left out; the others are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, NamedTuple


class Broken(NamedTuple):
    """A plug-in that cannot be used."""

    group: str
    name: str
    target: str
    """``module:name``, as its package declares it."""
    reason: str

    def __str__(self) -> str:
        return f"{self.group} {self.name} ({self.target}): {self.reason}"


class Plugins(NamedTuple):
    """What a group of entry points gave."""

    loaded: dict[str, Any]
    """By the name of the entry point, in the order of the names."""
    broken: tuple[Broken, ...]


@cache
def plugins(group: str) -> Plugins:
    """Everything installed under a group of entry points, imported once in a process."""
    loaded: dict[str, Any] = {}
    broken: list[Broken] = []
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        try:
            found = entry.load()
        except Exception as error:  # somebody else's module: it may raise anything
            broken.append(
                Broken(group, entry.name, entry.value, f"{type(error).__name__}: {error}")
            )
            continue
        if entry.name in loaded and loaded[entry.name] is not found:
            broken.append(Broken(group, entry.name, entry.value, "its name is taken already"))
            continue
        loaded[entry.name] = found
    if broken:
        _log(broken)
    return Plugins(loaded, tuple(broken))


def _log(broken: Sequence[Broken]) -> None:
    # Imported here: commands that only ask something load plug-ins too, and have to be quick.
    import structlog

    log = structlog.get_logger(__name__)
    for item in broken:
        log.error("plugin.left_out", group=item.group, plugin=item.name, target=item.target,
                  reason=item.reason)  # fmt: skip
