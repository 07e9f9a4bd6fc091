"""Settings of conversations: dialogues, models, when a session is over."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal.lineage.record import UsedArtifact
from lineal.name_patterns import first_match
from lineal_catalog.meaning.engines import EngineName
from lineal_learning.settings import LearnerSettings, Share
from lineal_schemas.models import ModelName


class IntentsModel(LearnerSettings):
    """A model of which intent an utterance has."""

    kind: Literal["intents"] = "intents"
    engine: EngineName = "auto"
    """Which vectors count beside words: ``auto`` those of MiniLM where it is installed and tells
    examples that were left out better; ``minilm`` in any case; ``classical`` none."""
    regularization: Annotated[float, Field(gt=0)] = 20.0
    """Inverse strength, of the regression (scikit-learn's C)."""
    rejected_share: Share = 0.03
    """Of utterances that have an intent, those that may be taken for unknown: what the threshold
    is calibrated to."""
    min_new_examples: Annotated[int, Field(ge=1)] = 8
    """Fewer new ones are nothing new."""
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Gate: of the test examples, those whose intent is found."""
    tolerance: Annotated[float, Field(ge=0)] = 0.02
    """By how much a challenger's accuracy may be below the champion's."""


class ConversationConfig(BaseModel):
    """Settings of the ``conversation`` stages: ``[stages.conversation]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Path("dialogues")
    """Where dialogues are: NAME.toml."""
    models: dict[str, ModelName] = {"*": "intents"}
    """By dialogue names (``*`` and ``?`` allowed) the model that tells intents; the first that
    fits. While it is not learnt, the examples in the dialogue's file do."""
    min_confidence: Share = 0.4
    """A less likely intent is unknown."""
    digression: Share = 0.6
    """In the middle of something another intent is followed when it is so likely."""
    attempts: Annotated[int, Field(ge=1)] = 3
    """A question is asked so often; then it is left to a person."""
    session_minutes: Annotated[float, Field(gt=0)] = 30
    """A session is over when nothing was said for so long."""
    checkpoint_days: Annotated[float, Field(gt=0)] = 30
    """What was begun can be gone on with for so long after that."""
    seconds: Annotated[float, Field(gt=0)] = 20
    """Limit for understanding one utterance."""


def model_names(config: ConversationConfig) -> list[str]:
    """All models the stage may use, each once."""
    return sorted(set(config.models.values()))


def model_for(config: ConversationConfig, dialogue: str) -> str | None:
    """The name of the model that tells the intents of a dialogue."""
    return first_match(config.models, dialogue)


def dialogue_files(config: ConversationConfig) -> list[UsedArtifact]:
    """The dialogues that there are, by digest."""
    return [
        UsedArtifact(f"dialogue/{file.stem}", "local", _digest(file, file.stat().st_mtime_ns))
        for file in sorted(config.folder.glob("*.toml"))
    ]


def dialogue_folder(config: ConversationConfig) -> list[Path]:
    """The folder of the dialogues: worker processes read it."""
    return [config.folder]


@lru_cache(maxsize=256)
def _digest(file: Path, changed_ns: int) -> str:
    return sha256(file.read_bytes()).hexdigest()
