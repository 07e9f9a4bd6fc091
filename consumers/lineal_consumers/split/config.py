"""Settings of the stage that splits files: ``[stages.split]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import ModelName


class SplitConfig(BaseModel):
    """Which files are split, and how sure a boundary has to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: Literal["labelled", "all"] = "labelled"
    """``labelled``: those that arrive with the label ``stream``, as ``stream=scanner``, and those
    of which a person says so. ``all``: every PDF and image of several pages."""
    sure: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """From which probability on a boundary is believed, and below 1 less it that there is none;
    about those between a person is asked."""
    class_model: ModelName | None = "documents"
    """Name of the model of classes that says what each page is like, where one is in use."""
    seconds: Annotated[float, Field(gt=0)] = 60.0
    """Limit of looking for boundaries and of cutting, to which 0.2 s are added for every page."""
