"""Finds the installed learners: entry points ``lineal.learners``, each named after its kind."""

from __future__ import annotations

from typing import Any

from lineal.errors import LinealError
from lineal.plugins import plugins
from lineal_learning.learner import Learner
from lineal_learning.settings import LearnerSettings

ENTRY_POINTS = "lineal.learners"


class UnknownLearner(LinealError, ValueError):
    """No installed package learns this kind of model."""


def learner_of(kind: str) -> Learner[Any]:
    """The installed learner of a kind.

    Raises:
        UnknownLearner: there is none; says why, and which there are.
    """
    found = plugins(ENTRY_POINTS)
    if kind not in found.loaded:
        why = next((f" ({item.reason})" for item in found.skipped if item.name == kind), "")
        there_are = ", ".join(sorted(found.loaded)) or "none"
        raise UnknownLearner(f"nobody learns models of kind {kind!r}{why}; there are: {there_are}")
    learner: Learner[Any] = found.loaded[kind]
    return learner


def settings_of_kind(value: Any) -> LearnerSettings:
    """The settings of a model, of the type that its kind's learner has.

    Raises:
        UnknownLearner, pydantic.ValidationError: they are of no installed kind, or do not fit it.
    """
    if isinstance(value, LearnerSettings):
        return value
    kind = value.get("kind", "readings") if isinstance(value, dict) else "readings"
    return learner_of(str(kind)).settings.model_validate(value)
