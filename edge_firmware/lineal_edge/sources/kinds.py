"""The kinds of sources that are installed, found by the entry points ``lineal_edge.sources``.

A plug-in is a :class:`SourceKind` in a module, and two lines in its ``pyproject.toml``:

    [project.entry-points."lineal_edge.sources"]
    mine = "my_package.my_source:KIND"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from lineal_edge.sources.settings import SourceSettings
from lineal_edge.sources.source import PositionedSource, Source
from lineal_schemas.errors import LinealError

GROUP = "lineal_edge.sources"

SettingsType = TypeVar("SettingsType", bound=SourceSettings)


class MissingLibrary(LinealError, ImportError):
    """A kind of source needs a library that is not installed; the message names the extra."""


class UnknownSource(LinealError, ValueError):
    """No source of this kind is installed; the message names those that are."""


@dataclass(frozen=True)
class SourceKind(Generic[SettingsType]):
    """What a plug-in is: its settings, and how a source is made from them."""

    settings: type[SettingsType]
    open: Callable[[SettingsType, str], Source | PositionedSource]
    """Called with the settings and the device's name; what needs a heavy library imports it here.

    Raises OSError or ValueError where the source cannot be used, with what to do.
    """
    extra: str | None = None
    """The extra of lineal-edge (``lineal-edge[modbus]``) that brings what it imports."""
    libraries: tuple[str, ...] = ()
    """The packages that this extra brings, by the names they are imported by."""
    make_scorer: Callable[[Any], Any] | None = None
    """Of a :class:`lineal_edge.interfaces.ScorerContext` makes the ``Scorer`` of its readings.
    None: models of windows of their values score them."""


@lru_cache(maxsize=1)
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def installed_kinds() -> tuple[str, ...]:
    """The names of all kinds, sorted."""
    return tuple(sorted(_installed()))


def kind_of(name: str) -> SourceKind[Any]:
    """The kind of a name.

    Raises:
        UnknownSource: there is none.
    """
    point = _installed().get(name)
    if point is None:
        there = ", ".join(installed_kinds())
        raise UnknownSource(f"no source of kind {name!r} is installed; there are: {there}")
    kind = point.load()
    if not isinstance(kind, SourceKind):
        raise UnknownSource(f"the entry point {name!r} ({point.value}) is no SourceKind")
    return kind


def read_source(fields: Mapping[str, Any]) -> SourceSettings:
    """The settings of a source from its section, by its ``kind``; a serial line without one.

    Raises:
        UnknownSource: no such kind is installed.
        pydantic.ValidationError: a setting is unknown, missing or out of range.
    """
    name = str(fields.get("kind", "serial"))
    settings: SourceSettings = kind_of(name).settings.model_validate({**fields, "kind": name})
    return settings


def open_source(settings: SourceSettings, device: str) -> Source | PositionedSource:
    """Make the source that the settings describe.

    Raises:
        OSError, ValueError: it cannot be used as it is described.
        MissingLibrary: a library it needs is not installed.
    """
    kind = kind_of(settings.kind)
    try:
        return kind.open(settings, device)
    except ModuleNotFoundError as error:
        if kind.extra is None:
            raise
        raise MissingLibrary(
            f"a source of kind {settings.kind} needs {error.name}, which is not installed: "
            f"pip install 'lineal-edge[{kind.extra}]'"
        ) from error
