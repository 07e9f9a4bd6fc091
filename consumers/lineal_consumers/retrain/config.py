"""Settings of the ``retrain`` stages: models, data, gates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, field_validator

from lineal.former_settings import former_names
from lineal_learning.registry import settings_of_kind
from lineal_learning.settings import LearnerSettings, Share
from lineal_schemas.models import ModelName
from lineal_schemas.telemetry import TURBINE_FEATURES
from lineal_scoring.fault_kinds import MIN_LEAD, MIN_LIKENESS

Algorithm = Literal["pca", "autoencoder"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CollectConfig(_Settings):
    """Settings of the ``retrain.collect`` stage: ``[stages."retrain.collect"]``."""

    devices: tuple[str, ...] = ("*",)
    """Devices whose readings are kept to learn from: names with ``*`` and ``?``. Of a large fleet a
    part may be enough."""
    block_batches: Annotated[int, Field(ge=1, le=256)] = 32
    """Batches in an object."""


class ReadingsModel(LearnerSettings):
    """A scoring model of sensors; spans and lengths are in readings."""

    _former_names = former_names(
        min_new_readings="least_new_readings",
        max_false_alarms="most_false_alarms",
        min_sensitivity="least_sensitivity",
    )

    kind: Literal["readings"] = "readings"
    devices: tuple[str, ...] = ("*",)
    """Devices it learns from, with ``*`` and ``?``."""
    features: tuple[str, ...] = TURBINE_FEATURES
    angles: tuple[str, ...] = ("roll", "pitch", "yaw")
    length: Annotated[int, Field(ge=2)] = 100
    step: Annotated[int, Field(ge=1)] = 10
    spread: bool = True
    denoise_span: Annotated[int, Field(ge=1)] = 20
    """Of the moving average that takes the noise off."""
    baseline_span: Annotated[int, Field(ge=1)] | None = None
    """Levels are compared with a moving average of this span, which an anomaly holds; None: with
    the mean of the training. A machine whose surroundings change, or that runs at another point on
    another day, needs one."""
    accept_after: Annotated[int, Field(ge=1)] = 600
    """With a baseline: an anomaly that has lasted so long is the new normal. Before, it ends when
    the channels that opened it are back."""
    shrinkage: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How far correlations are drawn towards none: the fewer readings, the further."""
    explained: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the variance that the components kept by PCA hold; close to 1 every channel counts
    by its own variance, however little it moves."""
    tail: Literal["auto", "chi2"] = "auto"
    """How the threshold is found: from the scores as they are where there are enough of them for
    the rate, else (``chi2``: always) from a scaled chi-squared tail."""
    margin: Annotated[float, Field(ge=1)] = 1.0
    """The threshold is multiplied by it: for what a short calibration has not seen."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("pca", "autoencoder")
    """One challenger each."""
    false_alarm_rate: Share = 1e-3
    """Of normal windows, what the threshold is calibrated to."""
    false_alarms_a_week: Annotated[float, Field(gt=0)] | None = None
    """Of one device, at most so many with a confidence of 90 %: the threshold follows from it
    instead of from the rate and the margin, and is higher the less has been learnt from."""
    open_after: Annotated[int, Field(ge=1)] = 2
    close_after: Annotated[int, Field(ge=1)] = 5
    epochs: Annotated[int, Field(ge=1)] = 60
    calibration_share: Share = 0.25
    """Of new readings, those before; thresholds are set on them."""
    window_blocks: Annotated[int, Field(ge=1)] = 2000
    """The newest collected blocks a dataset is made from, of all devices together."""
    min_new_readings: Annotated[int, Field(ge=1)] = 20_000
    """Fewer new ones are nothing new."""
    automatic_iterations: Annotated[int, Field(ge=0)] = 0
    """How many begin without anybody asking, each when so many new readings have come: a first
    model, and better ones as data grow. Later ones are asked for by a drift or a person."""
    guard_readings: Annotated[int, Field(ge=0)] = 100
    """Quarantined on both sides of an anomaly."""
    lasting_readings: Annotated[int, Field(ge=1)] = 6000
    """When a drift asks for the training, an anomaly that has lasted longer is taken for the new
    normal, not for a fault: with it, nothing could be learnt from a changed world."""
    min_likeness: Annotated[float, Field(gt=0, le=1)] = MIN_LIKENESS
    min_lead: Annotated[float, Field(ge=0, lt=1)] = MIN_LEAD
    """These as those of ``[stages.faults]``: they travel with the model, onto devices."""
    max_false_alarms: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Gate: of the normal test readings, the share in an anomaly."""
    min_sensitivity: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Gate: of the disturbances put into test readings, the share that is found."""
    tolerance: Annotated[float, Field(ge=0)] = 0.02
    """By how much a challenger may be worse than the champion in one of the two."""


class DocumentsModel(LearnerSettings):
    """The classes of documents, learnt from labelled ones."""

    _former_names = former_names(
        max_ngram="longest_term",
        min_new_documents="least_new_documents",
        min_accuracy="least_accuracy",
    )

    kind: Literal["documents"] = "documents"
    learner: Literal["best", "complement_naive_bayes", "logistic", "ridge", "svm"] = "best"
    max_ngram: Annotated[int, Field(ge=1, le=3)] = 1
    """Words of the longest term."""
    layout: bool = True
    """Whether it counts where on the page a word stands."""
    min_new_documents: Annotated[int, Field(ge=1)] = 5
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Gate."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """By how much a challenger may be less accurate than the champion."""


TrainedKind = Annotated[SerializeAsAny[LearnerSettings], BeforeValidator(settings_of_kind)]
"""Settings of the type that the kind's learner has; without a kind, of readings."""


_MODELS: dict[str, LearnerSettings] = {"turbine": ReadingsModel(), "documents": DocumentsModel()}


class RetrainConfig(_Settings):
    """Settings of all ``retrain`` stages but the one that collects: ``[stages.retrain]``."""

    _former_names = former_names(max_waits="most_waits")

    models: dict[ModelName, TrainedKind] = dict(_MODELS)
    """By name; those that are always there can be given other settings."""
    blocks_per_device: Annotated[int, Field(ge=1)] = 400
    """The newest collected blocks of a device that are remembered."""
    wait_seconds: Annotated[float, Field(gt=0)] = 60
    """When a drift is found and there is too little to learn from yet, it is tried again then."""
    max_waits: Annotated[int, Field(ge=0)] = 60
    seconds: Annotated[float, Field(gt=0)] = 3600
    """Limit of one training or evaluation."""

    @field_validator("models", mode="before")
    @classmethod
    def _keep_what_is_always_there(cls, models: Any) -> Any:
        return {**_MODELS, **models} if isinstance(models, dict) else models
