"""Settings of the ``redact`` stage."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class RedactConfig(BaseModel):
    """``[stages.redact]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dpi: Annotated[int, Field(ge=100, le=400)] = 200
    """Resolution of the pages of a redacted PDF."""
    language: str = "eng"
    """In which copies are read again: Tesseract's names, joined by ``+``. Pages that were read in
    another language are read in that."""
    max_pages: Annotated[int, Field(ge=1)] = 500
    """Of a document that is redacted in one go."""
    seconds: Annotated[float, Field(gt=0)] = 60
    page_seconds: Annotated[float, Field(gt=0)] = 30
    """Added for each page."""
