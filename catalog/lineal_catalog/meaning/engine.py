"""``Engine``: what makes vectors of texts, and vectors as they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from lineal.errors import LinealError
from lineal.lineage.record import UsedArtifact

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors: TypeAlias = npt.NDArray[np.float32]
    Quantized: TypeAlias = npt.NDArray[np.int8]


class EngineMissing(LinealError, LookupError):
    """An engine, or the very weights that made some vectors, are not installed."""


class Engine(Protocol):
    """Makes vectors of texts, such that those of like meaning are near each other."""

    @property
    def model(self) -> UsedArtifact:
        """What it works with: its name, its version, and the digest of its weights or rules."""
        ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector of unit length for each text; of zeros for one without any words."""
        ...


def model_id(engine: Engine) -> str:
    """What vectors are kept under: those of one model can be compared with each other."""
    model = engine.model
    return f"{model.name}:{model.sha256[:16]}"


def quantize(vectors: Vectors) -> Quantized:
    """Vectors as bytes, each scaled so that its largest component is 127: their direction stays."""
    import numpy as np

    largest = np.abs(vectors).max(axis=1, keepdims=True)
    scaled = vectors * (127 / np.where(largest > 0, largest, 1))
    return np.rint(scaled).astype(np.int8)
