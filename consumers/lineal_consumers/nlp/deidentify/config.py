"""Settings of the ``deidentify`` stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class DeidentifyConfig(BaseModel):
    """``[stages.deidentify]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_file: Path | None = None
    """The secret that offsets of dates and pseudonyms are derived from, made when it is first
    needed; ``deidentify.key`` in the data folder unless named. Machines that share the work share
    it."""
    max_shift_days: Annotated[int, Field(ge=1, le=3650)] = 365
    """Dates of a patient are shifted by at most so many days, to either side."""
    seconds: Annotated[float, Field(gt=0)] = 600
    """Limit of one file."""


def key_in_data_folder(given: Mapping[str, Any]) -> dict[str, Any]:
    """Where the key is unless ``[stages.deidentify]`` names a file.

    Args:
        given: what is set otherwise.
    """
    from lineal.settings import Settings

    data = Path(given.get("data") or Settings.model_fields["data"].default)
    # As text: settings that go to another process as JSON are the same there.
    return {"stages": {"deidentify": {"key_file": str(data / "deidentify.key")}}}
