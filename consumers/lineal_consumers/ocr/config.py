"""The settings of reading, and its thresholds with their reasons."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ScatterConfig(BaseModel):
    """Settings of ``ocr.scatter``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(default=8, ge=1)
    """How many parts of a document are under way at a time, so that a long one floods nothing."""


class GatherConfig(BaseModel):
    """Settings of ``ocr.gather``: its time limit is the sum."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=120.0, gt=0)
    page_seconds: float = Field(default=0.5, ge=0)
    """Added for each page of the document."""


class OcrConfig(BaseModel):
    """Settings of ``ocr``; a change makes earlier results stale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str = "eng"
    """Tesseract's names of languages, joined by ``+``; their data must be installed."""
    detect_language: bool = True
    """Whether a page in another language is read in that one, where its data are installed, and is
    doubtful where they are not."""
    dpi: int = Field(default=300, ge=72, le=600)
    """Resolution at which pages are recognised. 200 costs a third more character errors."""
    max_pixels: int = Field(default=36_000_000, ge=1_000_000)
    """Larger pages are recognised at a lower resolution, or in bands: bounds memory."""
    max_bands: int = Field(default=6, ge=1)
    """Bands of so many pixels in which a page is recognised that would else be read at less than
    200 dpi; larger ones are read more coarsely, which is a doubt."""
    max_image_pixels: int = Field(default=250_000_000, ge=1_000_000)
    """Images larger than this are refused without being decoded."""
    page_seconds: float = Field(default=180.0, gt=0)
    """Time limit for the reading of one part."""
    doubt_low_confidence: float = 0.15
    """Share of words under 0.6 from which a page is doubtful: faxes have 0.19 and more, good
    scans at most 0.08."""
    doubt_coverage: float = 0.66
    """Share of text-like ink inside word boxes below which text was probably missed."""
    photo_background: float = 0.7
    """Background ratio below which light is uneven: photos have 0.58, scans 0.81 and more."""
