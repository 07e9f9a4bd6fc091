"""Page renderers: functions that draw a page of a document, found by entry point.

A package brings its own under the entry points ``lineal.page_renderers``, for kinds of files of its
own or in place of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from lineal.errors import LinealError
from lineal.plugins import plugins

ENTRY_POINTS = "lineal.page_renderers"

ImageFormat: TypeAlias = Literal["png", "webp"]
MEDIA_TYPES: dict[ImageFormat, str] = {"png": "image/png", "webp": "image/webp"}


class PageView(NamedTuple):
    """How a page is to be drawn."""

    page: int
    """From 1."""
    width: int
    """Pixels; less for a picture that has fewer, or where the height would be out of bounds."""
    max_height: int
    """Pixels."""
    format: ImageFormat
    rotation: int = 0
    """Degrees clockwise by which the stored page is turned to be upright: 0, 90, 180, 270."""


class RenderedPage(NamedTuple):
    """A page as an image file."""

    data: bytes
    width: int
    """Pixels, as ``height``."""
    height: int


class NoPageImage(LinealError, LookupError):
    """A page cannot be shown as an image; the text says why."""


@dataclass(frozen=True, slots=True)
class PageRenderer:
    """What draws the pages of some kinds of files."""

    kinds: frozenset[str]
    """As the stage ``classify`` names them: ``pdf``, ``image``, ..."""
    render: Callable[[str, str, PageView], RenderedPage]
    """Called in a worker process with the path of the file, its kind, and how to draw. It raises
    :class:`lineal.Reject` for what cannot be drawn."""


def find_renderer(kind: str) -> PageRenderer:
    """What draws pages of this kind.

    Raises:
        NoPageImage: nothing that is installed does.
    """
    found = plugins(ENTRY_POINTS)
    for renderer in found.loaded.values():
        if isinstance(renderer, PageRenderer) and kind in renderer.kinds:
            return renderer
    if not found.loaded and found.skipped:
        raise NoPageImage("; ".join(f"{item.name} {item.reason}" for item in found.skipped))
    raise NoPageImage(f"a file of the kind {kind} has no pages to look at")


def size_within(across: float, down: float, view: PageView) -> tuple[int, int]:
    """Pixels of a page with these proportions: as wide as asked for, unless too high."""
    width = float(view.width)
    height = width * down / across
    if height > view.max_height:
        width, height = view.max_height * across / down, float(view.max_height)
    return max(1, round(width)), max(1, round(height))
