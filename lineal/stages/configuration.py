"""A stage's configuration, made of its section of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from lineal.stages.declaration import Stage


def section_of(stage: Stage) -> str:
    """The name of its section."""
    return stage.section or stage.name


def read_config(stage: Stage, sections: Mapping[str, Mapping[str, Any]]) -> BaseModel:
    """The configuration of a stage.

    A name that its type does not have is refused, also where the type does not say so, which
    pydantic takes for a name to ignore. A section that stages share has names of other stages too.

    Raises:
        ValidationError: the section does not fit its type.
    """
    decides = stage.section is not None or "extra" in stage.config.model_config
    extra: Literal["forbid"] | None = None if decides else "forbid"
    return stage.config.model_validate(sections.get(section_of(stage), {}), extra=extra)
