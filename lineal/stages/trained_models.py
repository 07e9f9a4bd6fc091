"""The trained models in use, as stages ask for them: known for a second, then looked up again."""

from __future__ import annotations

import time
from functools import partial

from lineal.lineage.promotions import ModelInUse, model_in_use
from lineal.store.connection import Store

_KNOWN_SECONDS = 1.0


class TrainedModels:
    """Models in use by name. A promotion is noticed within a second, by every worker."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[float, ModelInUse | None]] = {}

    async def in_use(self, name: str) -> ModelInUse | None:
        """The model in use under a name; None where none was promoted yet."""
        now = time.monotonic()
        known = self._known.get(name)
        if known is not None and now < known[0]:
            return known[1]
        found = await self._store.read(partial(model_in_use, name=name))
        self._known[name] = now + _KNOWN_SECONDS, found
        return found
