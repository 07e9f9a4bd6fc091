"""Payloads of visual inspection: photos, their scores, defects, and what people say of them.

A line is a camera's place: what it sees is much the same from photo to photo.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceId, Micros

LineName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
PhotoLabel = Literal["normal", "defect"]


class PhotoEvent(Payload):
    """What all events of one photo have in common."""

    model_config = ConfigDict(
        protected_namespaces=(), ser_json_bytes="base64", val_json_bytes="base64"
    )

    photo_id: str
    line: LineName

    def correlation_key(self) -> str:
        return f"photo:{self.photo_id}"


class PhotoCaptured(PhotoEvent, type="photo.captured", version=1):
    """A device has taken a photo, and sends it with what its own model says of it."""

    device: DeviceId
    captured_us: Micros
    group: str | None = None
    """As in ``photo.arrived``."""
    image: Annotated[bytes, Field(min_length=1, max_length=8 << 20)]
    """The file; base64 in JSON."""
    media_type: Literal["image/jpeg", "image/png"] = "image/jpeg"
    reduced: bool = False
    """Whether the file was made smaller than what was taken, to fit a message; it is what was
    scored."""
    model: ModelRef | None = None
    """Of the device, if one was in use."""
    score: Annotated[float, Field(ge=0)] | None = None
    threshold: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _is_of_its_device(self) -> PhotoCaptured:
        # else a device could take the id of another one's photo, which then would come too late
        if self.photo_id != photo_id_of(self.device, self.captured_us):
            raise ValueError("photo_id is the device and captured_us, with a full stop between")
        return self

    def partition_key(self) -> str:
        return self.photo_id


def photo_id_of(device: str, captured_us: int) -> str:
    """The id of a photo that a device takes at a time."""
    return f"{device}.{captured_us}"


class PhotoArrived(PhotoEvent, type="photo.arrived", version=1):
    """A photo was taken."""

    content: ObjectRef
    captured_us: Micros
    group: str | None = None
    """What it is a photo of, such as a piece's number or its digest: photos of one thing are
    learnt from together or not at all."""
    label: PhotoLabel | None = None
    """What is known of it already, as of a photo to begin learning with."""

    def partition_key(self) -> str:
        return self.photo_id


class PhotoScored(PhotoEvent, type="photo.scored", version=1):
    """A photo was compared with normal ones; in the order of its line."""

    content: ObjectRef
    captured_us: Micros
    group: str | None = None
    model: ModelRef
    score: Annotated[float, Field(ge=0)]
    """How far it is from normal photos; compare it with the threshold alone."""
    threshold: Annotated[float, Field(gt=0)]
    heat_map: ObjectRef | None = None
    """The photo with the places that are not normal in red, JPEG."""

    @property
    def is_defect(self) -> bool:
        return self.score > self.threshold

    def partition_key(self) -> str:
        return self.line


class DefectDetected(PhotoEvent, type="defect.detected", version=1):
    """Something on a line is not normal. Announced once for each thing, however many photos."""

    content: ObjectRef
    captured_us: Micros
    group: str | None = None
    model: ModelRef
    score: Annotated[float, Field(ge=0)]
    threshold: Annotated[float, Field(gt=0)]
    heat_map: ObjectRef | None = None
    photos: Annotated[int, Field(ge=1)] = 1
    """How many photos of it in a row are not normal."""

    def partition_key(self) -> str:
        return self.line


class PhotoVerified(PhotoEvent, type="photo.verified", version=1):
    """A person says what is on a photo."""

    content: ObjectRef
    captured_us: Micros
    group: str | None = None
    label: PhotoLabel
    by: str
    verified_us: Micros

    def partition_key(self) -> str:
        return self.line


class LineEvent(Payload):
    """What events of a whole line have in common."""

    line: LineName

    def partition_key(self) -> str:
        return self.line

    def correlation_key(self) -> str:
        return f"line:{self.line}"


class InspectionSuspended(LineEvent, type="inspection.suspended", version=1):
    """Nearly everything on a line is a defect: rather the camera or the light has changed. Defects
    are not announced until that is over, or a person confirms one."""

    share: Annotated[float, Field(ge=0, le=1)]
    """Of the last photos, those that are not normal."""
    photos: Annotated[int, Field(ge=1)]
    since_us: Micros


class InspectionResumed(LineEvent, type="inspection.resumed", version=1):
    """Defects of a line are announced again."""

    reason: Literal["normal", "verified"]
    """Photos are normal again, or a person has confirmed a defect."""
    photos: Annotated[int, Field(ge=0)]
    """Photos above the threshold that were not announced meanwhile."""
    resumed_us: Micros
