"""Settings that every kind of model has: how often it learns, on what share, and who promotes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lineal_learning.gates import GateRule

Share = Annotated[float, Field(gt=0, lt=1)]


def _present_mode(mode: Any) -> Any:
    if mode == "hand":
        warnings.warn('promotion = "hand" is "manual" now', FutureWarning, stacklevel=2)
        return "manual"
    return mode


PromotionMode = Annotated[Literal["gates", "manual"], BeforeValidator(_present_mode)]
"""``manual``: what passes waits for ``lineal model promote``."""


class LearnerSettings(BaseModel):
    """The base of a learner's settings: a model of ``[stages.retrain.models]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """Of the learner: the name of its entry point under ``lineal.learners``."""
    purpose: str = ""
    """What the model is for, in a sentence; it stands in its card."""
    seed: int = 0
    threads: Annotated[int, Field(ge=1)] = 1
    """Of the linear algebra library; another number yields other last bits."""
    test_share: Share = 0.2
    """Of what is new: champion and challengers are evaluated on it, and nobody learns from it."""
    promotion: PromotionMode = "gates"
    gates: tuple[GateRule, ...] = ()
    """Conditions for a promotion beside those of the learner."""

    def changed(self, values: Mapping[str, Any]) -> Self:
        """These settings with some of them changed, checked like those of a file.

        Raises:
            pydantic.ValidationError: there is no such setting, or it cannot have this value.
        """
        return type(self).model_validate(self.model_dump() | dict(values))
