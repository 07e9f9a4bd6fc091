"""Settings of ``lineal serve``: ``[serving]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ServingSettings(BaseModel):
    """Limits of a server, and of the process of each version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_batch_rows: Annotated[int, Field(ge=1)] = 64
    """Rows that a model computes at once."""
    batch_delay_ms: Annotated[float, Field(ge=0)] = 0.0
    """How long a request waits for others to be computed with, when the model has nothing to do."""
    max_request_rows: Annotated[int, Field(ge=1)] = 1024
    max_waiting_rows: Annotated[int, Field(ge=1)] = 4096
    """Of requests that wait; further ones are answered 429."""
    max_body_mb: Annotated[int, Field(ge=1)] = 16
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    """Of each who asks; None: as many as there is room for."""
    request_seconds: Annotated[float, Field(gt=0)] = 5.0
    """That a model may take for a batch; then its process is ended."""
    memory_mb: Annotated[int, Field(ge=256)] = 4096
    """Address space of the process of a version."""
    max_grown_mb: Annotated[float, Field(gt=0)] = 256.0
    """A process that has grown by more since it was warm is replaced."""
    report_seconds: Annotated[float, Field(gt=0)] = 1.0
    """So often a server reports how the versions of a rollout do."""
