"""``RestyleEngine``: what finds a part of an image and fills it; found by entry point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lineal.errors import LinealError
from lineal.plugins import plugins
from lineal_schemas.restyling import Fill, MaskPrompt

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]
    """Rows × columns × RGB."""
    Mask = npt.NDArray[np.bool_]
    """Rows × columns."""

ENTRY_POINTS = "lineal.restyle_engines"


class UnknownEngine(LinealError, ValueError):
    """No engine of this name is installed, or it lacks what it needs."""


class CannotRestyle(LinealError, ValueError):
    """An engine cannot do this to an image; says what it can."""


class RestyleEngine(ABC):
    """Finds and fills. Made once in a process, which holds one engine at a time.

    Args:
        models: folder of its models; None for an engine without any.
        device: ``cpu``, ``cuda`` or what else its library knows.
    """

    needs_models: ClassVar[bool] = False

    def __init__(self, models: Path | None, device: str) -> None:
        self.models, self.device = models, device

    @classmethod
    def memory_mb(cls, models: Path | None, pixels: int) -> float:
        """About how much memory it takes for an image of so many pixels, its models included."""
        return pixels * 60 / 1e6

    @abstractmethod
    def find(self, image: Image, prompt: MaskPrompt) -> Mask:
        """What is meant.

        Raises:
            CannotRestyle: it does not understand this prompt, or there is no such thing.
        """

    @abstractmethod
    def fill(self, image: Image, mask: Mask, fill: Fill) -> Image:
        """The image with what is meant filled; all else stays as it is, bit for bit.

        Raises:
            CannotRestyle: it cannot fill so.
        """


def engine_class(name: str) -> type[RestyleEngine]:
    """An installed engine.

    Raises:
        UnknownEngine: there is none of the name; says why, and which there are.
    """
    found = plugins(ENTRY_POINTS)
    if name not in found.loaded:
        why = next((f" ({item.reason})" for item in found.skipped if item.name == name), "")
        there_are = ", ".join(sorted(found.loaded)) or "none"
        raise UnknownEngine(f"there is no engine {name!r}{why}; there are: {there_are}")
    kind: type[RestyleEngine] = found.loaded[name]
    return kind
