"""An event bus for documents and sensors with lineage.

What a stage author needs is imported from here::

    from lineal import Context, Reject, stage
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineal.dependencies import Dependency
    from lineal.errors import LinealError, Reject, Retry
    from lineal.library import open_bus
    from lineal.stages.context import Context
    from lineal.stages.declaration import fan_in, stage
    from lineal_schemas.envelope import Event

__all__ = [
    "Context", "Dependency", "Event", "LinealError", "Reject", "Retry", "fan_in", "open_bus",
    "stage",
]  # fmt: skip

_HOMES = {
    "Context": "lineal.stages.context",
    "Dependency": "lineal.dependencies",
    "Event": "lineal_schemas.envelope",
    "LinealError": "lineal.errors",
    "Reject": "lineal.errors",
    "Retry": "lineal.errors",
    "fan_in": "lineal.stages.declaration",
    "open_bus": "lineal.library",
    "stage": "lineal.stages.declaration",
}


def __getattr__(name: str) -> Any:
    # Imported when first asked for: every module of ours runs this file at its import.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
