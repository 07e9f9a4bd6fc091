"""Producers: found by entry point, run for as long as a daemon runs.

A package brings its own under the entry points ``lineal.producers``. ``lineal up`` starts those
that the settings ask for, ``lineal produce NAME`` starts them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lineal.errors import LinealError
from lineal.plugins import Plugins, SkippedPlugin, accepted_plugins

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal.settings import Settings

ENTRY_POINTS = "lineal.producers"


class UnknownProducer(LinealError, LookupError):
    """No installed package has a producer of this name, or it cannot be run here."""


class RunningProducer(Protocol):
    """A running producer."""

    @property
    def problem(self) -> str | None:
        """What keeps it from working at present; shown in ``/readyz``."""
        ...

    @property
    def standing_by(self) -> bool:
        """Whether another process does the work, and this one takes over when that ends."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Producer:
    """What can be run as a producer."""

    name: str
    title: str
    """What people call it: ``the folder watch``."""
    make: Callable[[Runtime], RunningProducer]
    """Called when a daemon starts; raises where the settings do not fit."""
    wanted: Callable[[Settings], bool]
    """Whether ``lineal up`` starts it under these settings."""
    open_types: tuple[str, ...] = ()
    """Types of the events it makes that others may write to a shared broker just as well."""


def installed_producers() -> dict[str, Producer]:
    """All producers that can be run here, by name."""
    return {item.name: item for item in _found().loaded.values()}


def skipped_producers() -> tuple[SkippedPlugin, ...]:
    """Producers of installed packages that cannot be run here, and why."""
    return _found().skipped


def _found() -> Plugins:
    return accepted_plugins(ENTRY_POINTS, _problem_of)


def _problem_of(item: object) -> str:
    return "" if isinstance(item, Producer) else f"{type(item).__name__} is no Producer"


def broker_types(settings: Settings) -> frozenset[str]:
    """What others may write to a shared broker, beside types of their own."""
    if settings.broker_types is not None:
        return frozenset(settings.broker_types)
    found = installed_producers().values()
    return frozenset(name for producer in found for name in producer.open_types)


def find_producers(names: Sequence[str]) -> list[Producer]:
    """Producers by name.

    Raises:
        UnknownProducer: one is not installed, or cannot be run here.
    """
    installed = installed_producers()
    missing = [name for name in names if name not in installed]
    if missing:
        skipped = _found().skipped
        reasons = [f"{item.name} {item.reason}" for item in skipped if item.name in missing]
        raise UnknownProducer(
            "; ".join(reasons)
            or f"no producer is named {', '.join(missing)}; installed: "
            f"{', '.join(sorted(installed))}"
        )
    return [installed[name] for name in names]
