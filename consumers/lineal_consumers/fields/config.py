"""Settings of fields: ``[stages.fields]``, the folder of files, and the memory of examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lineal_consumers.fields.definition import ClassFields, read_class_fields
from lineal_consumers.fields.invoice import CLASSES
from lineal_learning.settings import LearnerSettings
from lineal_schemas.models import ModelName

FOLDER = Path("fields")


class FieldFileSettings(BaseModel):
    """Where fields are declared: ``[fields]``."""

    model_config = ConfigDict(extra="forbid")

    folder: Path = FOLDER
    """Folder of files, one for each class of document (docs/fields.md)."""


class FieldsModel(LearnerSettings):
    """A memory of corrected documents."""

    kind: Literal["fields"] = "fields"
    max_examples: Annotated[int, Field(ge=1)] = 2000
    """The newest that are remembered."""
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Gate: of the values that people said, the share found with the other examples alone."""
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.02
    """By how much a challenger's may be less than the champion's."""


class FieldsConfig(BaseModel):
    """Which fields are looked for, and when a person is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: dict[str, ClassFields] = dict(CLASSES)
    """By class; those that are always there can be declared otherwise."""
    model: ModelName | None = "fields"
    """Name of the memory of examples; None: nothing is learnt."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Below it a person is asked, if the field is required or was found."""
    seconds: Annotated[float, Field(gt=0)] = 60.0
    """Limit for a document."""

    @field_validator("classes", mode="before")
    @classmethod
    def _keep_what_is_always_there(cls, classes: Any) -> Any:
        return {**CLASSES, **classes} if isinstance(classes, dict) else classes


def settings_of_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of stages that follows from the files of fields. What is set otherwise, in
    ``lineal.toml`` or the environment, wins.

    Args:
        given: what is set otherwise.

    Raises:
        BadFields: a file cannot be used.
    """
    fields = given.get("fields")
    folder = fields.get("folder") if isinstance(fields, Mapping) else None
    declared = read_class_fields(Path(folder or FOLDER))
    stages: dict[str, Any] = {"retrain": {"models": {"fields": {"kind": "fields"}}}}
    if declared:
        classes = {name: one.model_dump(mode="json") for name, one in declared.items()}
        stages["fields"] = {"classes": classes}
    return {"stages": stages}


def model_names(config: FieldsConfig) -> list[str]:
    """The trained models that the stage uses, each in the version in use."""
    return [] if config.model is None else [config.model]
