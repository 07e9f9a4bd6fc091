"""Payloads of restyling: a part of an image is found by a prompt, and filled anew."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Words = Annotated[str, Field(min_length=1, max_length=500)]
Pixels = Annotated[int, Field(ge=0)]
RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
EngineName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Box(_Frozen):
    """A rectangle in pixels, from the top left."""

    x: Pixels
    y: Pixels
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


class MaskPrompt(_Frozen):
    """What of an image is meant: one of these, or a box with what is meant within it."""

    box: Box | None = None
    """The thing in the rectangle; with nothing else, told from what is around it."""
    entire_box: bool = False
    """All of the rectangle, whatever is in it."""
    colour: Colour | None = None
    """Everything of about this colour."""
    tolerance: Annotated[float, Field(gt=0, le=100)] = 20.0
    """How far a colour may be off: Euclidean distance in CIE L*a*b*, where 2.3 is just seen."""
    words: Words | None = None
    """What is meant, in words."""
    grow: Annotated[int, Field(ge=0, le=100)] | None = None
    """Pixels by which the mask reaches over what was found, since edges are blurred. None: 3 where
    it is removed or drawn anew, else 0."""

    @model_validator(mode="after")
    def _says_something(self) -> MaskPrompt:
        if self.box is None and self.colour is None and self.words is None:
            raise ValueError("name a box, a colour or words")
        if self.entire_box and self.box is None:
            raise ValueError("entire_box is of a box")
        if self.colour is not None and self.words is not None:
            raise ValueError("name a colour or words, not both")
        return self


class Fill(_Frozen):
    """What comes into its place."""

    kind: Literal["remove", "colour", "blur", "words"] = "remove"
    """``remove``: what is around it is continued. ``colour``: the same shape in another colour.
    ``words``: what they say, by an engine that draws."""
    colour: Colour | None = None
    words: Words | None = None
    method: Literal["telea", "navier_stokes"] = "telea"
    """Of ``remove``: Telea (2004), or Bertalmio, Bertozzi and Sapiro (2001)."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of an engine that draws: the same seed, the same picture."""

    @model_validator(mode="after")
    def _complete(self) -> Fill:
        if (self.kind == "colour") != (self.colour is not None):
            raise ValueError("a colour is of the kind colour, and is named there")
        if (self.kind == "words") != (self.words is not None):
            raise ValueError("words are of the kind words, and are named there")
        return self


class StyleEvent(Payload):
    """What all events of one request have in common."""

    request_id: RequestId

    def partition_key(self) -> str:
        return self.request_id

    def correlation_key(self) -> str:
        return f"style:{self.request_id}"


class StyleRequested(StyleEvent, type="style.requested", version=1):
    """Somebody wants images changed."""

    images: Annotated[tuple[ObjectRef, ...], Field(min_length=1, max_length=3)]
    mask: MaskPrompt
    fill: Fill = Fill()
    engine: EngineName | None = None
    """None: the one that is set."""
    by: str
    requested_us: Micros


class StyledImage(_Frozen):
    """What has become of one image."""

    image: ObjectRef | None = None
    """PNG; None where there is a problem."""
    mask: ObjectRef | None = None
    """PNG, white where it was filled."""
    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Of the image, what was filled."""
    problem: str | None = None
    """Why there is no image, and what to do."""


class ImagesReady(StyleEvent, type="images.ready", version=1):
    """All images of a request are done; in its order."""

    engine: EngineName
    images: tuple[StyledImage, ...]
