"""On how many answers it rests that a class is believed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ClassEvidence(BaseModel):
    """On how many answers it rests that a model of classes is believed, where these are too few to
    show the rate of errors that is wanted."""

    model_config = ConfigDict(frozen=True)

    model: str
    """The name under which it is in use."""
    looked_at: Annotated[int, Field(ge=0)]
    """Documents that it had not learnt from and was sure of, and whose class people have said."""
    wrong: Annotated[int, Field(ge=0)]
    """Of these."""
    error_rate: Annotated[float, Field(gt=0, lt=1)]
    """That is wanted."""
