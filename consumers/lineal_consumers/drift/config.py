"""Settings of the ``drift`` stage: which models and features it tests, and how."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lineal.former_settings import former_names
from lineal.name_patterns import first_match
from lineal_schemas.models import ModelName


class DriftConfig(BaseModel):
    """Settings of the ``drift`` stage: ``[stages.drift]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    _former_names = former_names(
        excluded="left_out", min_sample="least_sample", min_shift="least_shift"
    )

    models: dict[str, ModelName] = {"*": "turbine"}
    """By device names (``*`` and ``?`` allowed) the model whose training readings they are compared
    with; the first that fits."""
    seasons: dict[str, Literal["daily", "weekly", "none"]] = {}
    """By device names (``*`` and ``?`` allowed; the first that fits), what recurs. Such devices are
    compared with the same hours of their own days or weeks before, and not with the training: the
    first drift can be found when two are over."""
    excluded: tuple[str, ...] = ("yaw",)
    """Features that are not tested. The yaw goes wherever the wind comes from."""
    excluded_of: dict[str, tuple[str, ...]] = {}
    """By device names (``*`` and ``?`` allowed; the first that fits), those of these devices
    instead: what is weather for one machine is none for another that calls a channel the same."""
    spacing_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Time between two readings of a sample: about as long as what is measured remembers, since
    the test takes readings for independent."""
    sample: Annotated[int, Field(ge=20)] = 240
    """Readings of a device that are compared, the newest."""
    min_sample: Annotated[int, Field(ge=10)] = 120
    """The number of new readings below which nothing is tested."""
    test: Literal["ks", "adwin"] = "ks"
    """Kolmogorov-Smirnov, which sees any change of the distribution but takes readings for
    independent, or ADWIN, which sees changes of the mean (``pip install 'lineal[adwin]'``)."""
    significance: Annotated[float, Field(gt=0, lt=1)] = 0.001
    correction: Literal["holm", "bonferroni", "benjamini_hochberg", "none"] = "holm"
    """For the number of features. Always Bonferroni's with ADWIN."""
    min_shift: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Of the test's statistic: a change, however significant, that is smaller does not matter. With
    ADWIN the shift of the mean in standard deviations."""
    cool_down_seconds: Annotated[float, Field(ge=0)] = 3600.0
    """For how long after a drift of a model no further one is reported, by the devices' clocks."""

    @field_validator("test")
    @classmethod
    def _installed(cls, test: str) -> str:
        if test == "adwin" and find_spec("river") is None:
            raise ValueError("the test 'adwin' needs `pip install 'lineal[adwin]'`")
        return test


def season_of(config: DriftConfig, device: str) -> Literal["daily", "weekly"] | None:
    """What recurs in a device's readings, if anything is known to."""
    found = first_match(config.seasons, device)
    return None if found == "none" else found


def watched_features(config: DriftConfig, device: str, features: Sequence[str]) -> list[int]:
    """The places of the features of a device that are watched for drift."""
    own = first_match(config.excluded_of, device)
    excluded = config.excluded if own is None else own
    return [place for place, name in enumerate(features) if name not in excluded]


def model_names(config: DriftConfig) -> list[str]:
    """All models the stage may compare with, each once."""
    return sorted(set(config.models.values()))
