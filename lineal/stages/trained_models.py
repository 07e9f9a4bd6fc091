"""Looks up the trained models in use, at most once a second for each.

Which model is in use is answered by one installed package, under the entry points
``lineal.models``.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Protocol

from lineal.model_in_use import ModelInUse
from lineal.plugins import plugins
from lineal.store.connection import Connection, Store

ENTRY_POINTS = "lineal.models"
_KNOWN_SECONDS = 1.0


class ModelSource(Protocol):
    """Finds the model in use under a name; None where none was ever promoted."""

    def __call__(self, connection: Connection, name: str) -> ModelInUse | None: ...


def installed_model_source() -> ModelSource:
    """The one of the installed packages; without any, no model is in use."""
    for found in plugins(ENTRY_POINTS).loaded.values():
        source: ModelSource = found
        return source
    return _no_models


def _no_models(connection: Connection, name: str) -> ModelInUse | None:
    return None


class TrainedModels:
    """Models in use by name. A change is noticed within a second, by every worker."""

    def __init__(self, store: Store, source: ModelSource | None = None) -> None:
        """``source`` is the installed one unless given."""
        self._store = store
        self._source = source or installed_model_source()
        self._known: dict[str, tuple[float, ModelInUse | None]] = {}

    async def in_use(self, name: str) -> ModelInUse | None:
        """The model in use under a name; None where none was promoted yet."""
        now = time.monotonic()
        known = self._known.get(name)
        if known is not None and now < known[0]:
            return known[1]
        found = await self._store.read(partial(self._source, name=name))
        self._known[name] = now + _KNOWN_SECONDS, found
        return found
