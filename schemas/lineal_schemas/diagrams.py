"""Payloads of diagrams: images of crawled pages, and the services that architectures on them use.

An image is known by its URL. All its events are keyed by it, and so come in their order.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros

ImageUrl = Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2_000)]
ServiceName = Annotated[str, Field(min_length=1, max_length=100)]
PixelBox = tuple[float, float, float, float]
"""Left, top, right, bottom; in pixels of the image, from its top left corner."""


class Appearance(BaseModel):
    """An image's place on a page, and what is said of it there."""

    model_config = ConfigDict(frozen=True)

    page: ImageUrl
    title: Annotated[str, Field(max_length=300)] = ""
    """Of the page."""
    alt: Annotated[str, Field(max_length=1_000)] = ""
    caption: Annotated[str, Field(max_length=1_000)] = ""
    text: Annotated[str, Field(max_length=2_000)] = ""
    """The beginning of what the page says."""


class ImageEvent(Payload):
    """What all events of one image have in common."""

    url: ImageUrl

    def partition_key(self) -> str:
        return self.url

    def correlation_key(self) -> str:
        return f"image:{self.url}"


class ImageFound(ImageEvent, type="image.found", version=1):
    """A page shows an image. Comes again when its bytes, or what pages say of it, have changed."""

    content: ObjectRef
    appearances: Annotated[tuple[Appearance, ...], Field(min_length=1)]
    crawled_us: Micros


class ImageGone(ImageEvent, type="image.gone", version=1):
    """No page shows the image any longer, or there is none at its URL."""

    reason: Literal["not found", "no page shows it"]
    crawled_us: Micros


class ServiceLabel(BaseModel):
    """A service that was recognised on an image."""

    model_config = ConfigDict(frozen=True)

    service: ServiceName
    score: Annotated[int, Field(ge=0, le=100)]
    by: Literal["text", "icon", "person"]
    boxes: tuple[PixelBox, ...] = ()


class DiagramFound(ImageEvent, type="diagram.found", version=1):
    """An image shows an architecture: at least two different services."""

    content: ObjectRef
    appearances: tuple[Appearance, ...]
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    """Of the image, in pixels."""
    labels: tuple[ServiceLabel, ...]
    """The surest first; each service once."""
    methods: tuple[Literal["text", "icon", "person"], ...]
    """What was used; without an icon set, icons are not looked for."""


class DiagramRemoved(ImageEvent, type="diagram.removed", version=1):
    """What was a diagram is none any longer."""

    reason: Literal["image gone", "too few services", "corrected"]


class DiagramCorrected(ImageEvent, type="diagram.corrected", version=1):
    """A person says which services an image shows; none: it is no diagram."""

    content: ObjectRef
    """The image as that person saw it: another image at this URL is recognised anew."""
    services: tuple[ServiceName, ...]
    by: str
    corrected_us: Micros

    @field_validator("services")
    @classmethod
    def _each_once(cls, services: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(services))
