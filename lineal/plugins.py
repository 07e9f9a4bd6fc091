"""Loads plug-ins by entry points; nothing is imported by name.

A plug-in that fails to import is named and skipped, as is one whose libraries are not installed;
the others are used. Which libraries a plug-in needs its package says with an extra, behind the
entry point: ``check = "my_stages.orders:check [vision]"``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.metadata import (
    Distribution,
    EntryPoint,
    EntryPoints,
    PackageNotFoundError,
    entry_points,
    version,
)
from typing import Any, Literal, NamedTuple, Protocol

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


class SkippedPlugin(NamedTuple):
    """A plug-in that is not used."""

    group: str
    name: str
    target: str
    """``module:name``, as its package declares it."""
    why: Literal["missing", "broken"]
    """Libraries it needs are not installed; or it cannot be imported, or is not what it should
    be."""
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.group}, {self.target}): {self.reason}"


class Plugins(NamedTuple):
    """The plug-ins of a group of entry points."""

    loaded: dict[str, Any]
    """By the name of the entry point, in the order of the names."""
    skipped: tuple[SkippedPlugin, ...]


@cache
def plugins(group: str) -> Plugins:
    """Everything installed under a group of entry points, imported once in a process."""
    loaded: dict[str, Any] = {}
    skipped: list[SkippedPlugin] = []
    for entry in sorted(declared_plugins().select(group=group), key=lambda entry: entry.name):
        if missing := _missing(entry):
            skipped.append(SkippedPlugin(group, entry.name, entry.value, "missing", missing))
            continue
        try:
            found = entry.load()
        except (Exception, SystemExit) as error:  # somebody else's module: it may raise anything
            reason = f"{type(error).__name__}: {error}"
            skipped.append(SkippedPlugin(group, entry.name, entry.value, "broken", reason))
            continue
        if entry.name in loaded and loaded[entry.name] is not found:
            reason = "another package has one of the same name"
            skipped.append(SkippedPlugin(group, entry.name, entry.value, "broken", reason))
            continue
        loaded[entry.name] = found
    log_skipped(skipped)
    return Plugins(loaded, tuple(skipped))


@cache
def accepted_plugins(group: str, problem_of: Callable[[Any], str]) -> Plugins:
    """Those of a group that are what they should be; the others are named and left out.

    Args:
        problem_of: why an object cannot be used; empty if it can.
    """
    found = plugins(group)
    accepted: dict[str, Any] = {}
    skipped: list[SkippedPlugin] = []
    for name, item in found.loaded.items():
        if reason := problem_of(item):
            declared = next(iter(declared_plugins().select(group=group, name=name)))
            skipped.append(SkippedPlugin(group, name, declared.value, "broken", reason))
        else:
            accepted[name] = item
    log_skipped(skipped)
    return Plugins(accepted, (*found.skipped, *skipped))


class _EntryPoints(Protocol):
    """Of another type before Python 3.12."""

    def select(self, *, group: str, name: str = ...) -> EntryPoints: ...


@cache
def declared_plugins() -> _EntryPoints:
    """The entry points of all groups: each look at them reads a file of every installed package."""
    return entry_points()


def _missing(entry: EntryPoint) -> str:
    """What is to be installed before a plug-in can be used; empty if nothing is."""
    if entry.dist is None or not entry.extras:
        return ""
    return missing_libraries(entry.dist, entry.extras)


def missing_libraries(distribution: Distribution, extras: Sequence[str]) -> str:
    """What is to be installed of a distribution's extras; empty if nothing is."""
    missing = [name for name in _required(distribution, extras) if not _is_installed(name)]
    if not missing:
        return ""
    named = f"{distribution.name}[{','.join(extras)}]"
    return f"needs `pip install '{named}'` (without {', '.join(missing)})"


def _required(distribution: Distribution, extras: Sequence[str]) -> Iterator[str]:
    """The names of the packages that extras of a distribution ask for."""
    for name, asked in _requirements_of_extras(distribution):
        if not asked.isdisjoint(extras):
            yield name


@cache
def _requirements_of_extras(distribution: Distribution) -> Sequence[tuple[str, frozenset[str]]]:
    """The packages that a distribution asks for with extras, and these: its metadata is parsed as a
    mail is, which takes a while."""
    found = []
    for line in distribution.requires or ():
        asked = frozenset(_EXTRA.findall(line))
        name = _REQUIREMENT.match(line)
        if name is not None and asked:
            found.append((name[1], asked))
    return found


@cache
def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def log_skipped(skipped: Sequence[SkippedPlugin]) -> None:
    """Name the plug-ins that are left out."""
    if not skipped:
        return
    import structlog  # questions from the command line go without it where all is well

    if not structlog.is_configured():  # a command: its standard output is for its answer
        for item in skipped:
            if item.why == "broken":
                print(f"lineal: left out {item}", file=sys.stderr)
        return
    log = structlog.get_logger(__name__)
    for item in skipped:
        say = log.error if item.why == "broken" else log.info
        say("plugin.skipped", group=item.group, plugin=item.name, target=item.target,
            reason=item.reason)  # fmt: skip
