"""Names that stages were written with before; they work still, with a warning.

They speak of models only, where the runtime knows artifacts of any kind.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Protocol

from lineal.artifact_in_use import ArtifactInUse

FORMER_ENTRY_POINTS = "lineal.models"
"""Now ``lineal.artifacts``."""
_OPTIONS = {"models": "artifacts", "trained": "in_use"}


class FormerContext(Protocol):
    """What a context was asked before."""

    __slots__ = ()

    async def artifact(self, name: str) -> ArtifactInUse | None: ...

    async def model(self, name: str) -> ArtifactInUse | None:
        """Now ``ctx.artifact(name)``."""
        warnings.warn("ctx.model is ctx.artifact now", DeprecationWarning, stacklevel=2)
        return await self.artifact(name)


class FormerHarness(Protocol):
    """What a harness of tests was asked before."""

    async def use_artifact(
        self, name: str, data: bytes, *, version: int = 1, media_type: str
    ) -> ArtifactInUse: ...

    async def use_model(
        self, name: str, data: bytes, *, version: int = 1, media_type: str = "application/x-onnx"
    ) -> ArtifactInUse:
        """Now ``use_artifact``."""
        warnings.warn("use_model is use_artifact now", DeprecationWarning, stacklevel=2)
        return await self.use_artifact(name, data, version=version, media_type=media_type)


def with_present_names(where: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a stage, each under its present name.

    Raises:
        TypeError: one is given under both.
    """
    renamed = dict(options)
    for former, name in _OPTIONS.items():
        if former not in renamed:
            continue
        if name in renamed:
            raise TypeError(f"{where}: {former}= is the former name of {name}=: give only {name}=")
        warnings.warn(f"{where}: {former}= is {name}= now", DeprecationWarning, stacklevel=4)
        renamed[name] = renamed.pop(former)
    return renamed
