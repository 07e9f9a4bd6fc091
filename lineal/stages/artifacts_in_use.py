"""Looks up the artifacts in use, each at most once a second.

Which version of what is in use under a name installed packages answer, under the entry points
``lineal.artifacts``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from lineal.artifact_in_use import ArtifactInUse
from lineal.former_names import FORMER_ENTRY_POINTS
from lineal.plugins import plugins
from lineal.store.connection import Connection, Store

ENTRY_POINTS = "lineal.artifacts"
_KNOWN_SECONDS = 1.0

ArtifactSource: TypeAlias = Callable[[Connection, str], ArtifactInUse | None]
"""Finds the artifact in use under a name; None where it knows of none."""


def installed_artifact_sources() -> Sequence[ArtifactSource]:
    """Those of the installed packages, in the order of their names."""
    groups = (ENTRY_POINTS, FORMER_ENTRY_POINTS)
    return [source for group in groups for source in plugins(group).loaded.values()]


class ArtifactsInUse:
    """Artifacts in use by name. A change is noticed within a second, by every worker."""

    def __init__(self, store: Store, sources: Sequence[ArtifactSource] | None = None) -> None:
        """``sources`` are the installed ones unless given. The first that knows a name answers."""
        self._store = store
        self._sources = installed_artifact_sources() if sources is None else sources
        self._known: dict[str, tuple[float, ArtifactInUse | None]] = {}

    async def in_use(self, name: str) -> ArtifactInUse | None:
        """The artifact in use under a name; None where there is none yet."""
        now = time.monotonic()
        known = self._known.get(name)
        if known is not None and now < known[0]:
            return known[1]
        found = await self._store.read(partial(self._find, name=name))
        self._known[name] = now + _KNOWN_SECONDS, found
        return found

    def _find(self, connection: Connection, name: str) -> ArtifactInUse | None:
        answers = (source(connection, name) for source in self._sources)
        return next((answer for answer in answers if answer is not None), None)
