"""Settings of the stage ``entities``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal.lineage.record import UsedArtifact
from lineal_consumers.entities.vocabulary import load_vocabulary


class EntitiesConfig(BaseModel):
    """What is looked for in documents: ``[stages.entities]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: Path | None = None
    """A file of concepts of your own, CSV or TOML (docs/graph.md)."""
    builtin: bool = True
    """Whether the concepts that come along are looked for too."""
    entities: bool = True
    """Whether what the analysis found (persons, organisations, dates, ...) is mentioned too."""
    about_label: str = "patient"
    """The label that says whom a document is about."""
    max_mentions: Annotated[int, Field(ge=1)] = 20_000
    """Of one document; the record says how many were left out."""
    seconds: Annotated[float, Field(gt=0)] = 300
    """Limit for one document."""


def vocabulary_artifact(config: EntitiesConfig) -> Sequence[UsedArtifact]:
    """The vocabulary, by its digest: another one makes what was found stale."""
    digest = load_vocabulary(config.vocabulary, config.builtin).sha256
    return [UsedArtifact("vocabulary", digest[:12], digest)]


def vocabulary_file(config: EntitiesConfig) -> Sequence[Path]:
    """The file of the vocabulary, if there is one: worker processes read it."""
    return () if config.vocabulary is None else (config.vocabulary,)
