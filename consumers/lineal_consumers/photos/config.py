"""Settings of visual inspection: how a line is learnt, scored, and announced."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal.name_patterns import first_match
from lineal_learning.settings import LearnerSettings, Share
from lineal_schemas.models import ModelName


class PhotosModel(LearnerSettings):
    """A model of how the photos of a line look when nothing is wrong."""

    kind: Literal["photos"] = "photos"
    features: Literal["classical"] = "classical"
    """``classical``: edges, textures and colours, without weights."""
    explained: Share = 0.9
    """Share of the variance of normal photos that counts as normal."""
    max_components: Annotated[int, Field(ge=1)] = 128
    shifted_copies: Annotated[int, Field(ge=0, le=16)] = 4
    """Of each photo, slightly moved, turned, and lightened: what a camera may do by itself."""
    max_photos: Annotated[int, Field(ge=2)] = 600
    """To learn from, copies included; with more normal photos there are fewer copies."""
    false_alarm_rate: Share = 0.02
    """Of normal photos, what the threshold is calibrated to."""
    min_new_photos: Annotated[int, Field(ge=1)] = 20
    """Fewer new ones are nothing new."""
    max_false_alarms: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Gate: of the normal test photos, the share above the threshold."""
    min_auroc: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Gate, where there are test photos of defects."""
    tolerance: Annotated[float, Field(ge=0)] = 0.01
    """By how much a challenger's AUROC may be below the champion's."""


class PhotosConfig(BaseModel):
    """Settings of the ``photos`` stages: ``[stages.photos]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, ModelName] = {"*": "photos"}
    """By line names (``*`` and ``?`` allowed) the model that scores; the first that fits."""
    devices: dict[str, tuple[str, ...]] = {}
    """By line names the devices (``*`` and ``?`` allowed) whose photos are taken for photos of it;
    the first that fits. A line that fits none takes those of every device."""
    heat_maps: Literal["all", "defects", "none"] = "all"
    confirm_photos: Annotated[int, Field(ge=1)] = 1
    """A defect is announced when so many photos in a row, of one thing, are above the threshold."""
    quiet_seconds: Annotated[float, Field(ge=0)] = 0.0
    """Photos that do not say what they are of are taken for photos of the same thing when they
    follow one that is not normal within this time."""
    breaker_photos: Annotated[int, Field(ge=2, le=1000)] = 20
    """The last photos of a line that the circuit breaker looks at."""
    breaker_share: Share = 0.9
    """If so many of them are above the threshold, defects are not announced any more."""
    seconds: Annotated[float, Field(gt=0)] = 30
    """Limit for one photo."""


def model_names(config: PhotosConfig) -> list[str]:
    """All models the stage may use, each once."""
    return sorted(set(config.models.values()))


def takes_photos_of(config: PhotosConfig, line: str, device: str) -> bool:
    """Whether a device may say that its photos are of a line."""
    devices = first_match(config.devices, line)
    return devices is None or any(fnmatchcase(device, pattern) for pattern in devices)


def model_for(config: PhotosConfig, line: str) -> str | None:
    """The name of the model that scores a line."""
    return first_match(config.models, line)
