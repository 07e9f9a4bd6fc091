"""Settings of articles: ``[stages.articles]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ArticlesConfig(BaseModel):
    """How articles are spoken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str = "espeak-ng"
    """Of those under the entry points ``lineal.voices``."""
    voices: dict[str, str] = {"en": "en-us", "de": "de"}
    """By language, as the engine calls them."""
    words_per_minute: Annotated[int, Field(ge=80, le=400)] = 160
    lexicon: dict[str, str] = {}
    """Words as they are written, each as it is to be spoken: ``{ SQLite = "S Q L light" }``."""
    mp3_kbit: Annotated[int, Field(ge=32, le=320)] = 64
    opus_kbit: Annotated[int, Field(ge=16, le=256)] = 32
    max_paragraphs: Annotated[int, Field(ge=1)] = 2000
    seconds: Annotated[float, Field(gt=0)] = 120
    """Limit for the speaking of a paragraph, and for the encoding of an article."""
