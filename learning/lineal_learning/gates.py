"""Gates of a promotion as data, and how they come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lineal_schemas.models import Gate

Rule = Literal["at_least", "at_most"]


class GateRule(BaseModel):
    """A condition on one metric of a challenger: against a limit, or against the champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    rule: Rule = "at_least"
    limit: float | None = None
    """What the metric is held against."""
    tolerance: Annotated[float, Field(ge=0)] | None = None
    """By how much the challenger may be worse than the champion in this metric."""
    unless_champion_fails: bool = False
    """The champion is no measure where it fails this learner's own limits."""

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.limit is None) == (self.tolerance is None):
            raise ValueError("a gate has a limit, or a tolerance beside the champion")
        return self


class Gates(BaseModel):
    """All conditions of a promotion, and what challengers are compared by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[GateRule, ...]
    score: dict[str, float]
    """Weight of each metric in the score of a challenger; the larger the score the better."""


def score_of(gates: Gates, metrics: Mapping[str, float]) -> float:
    """What challengers of one iteration are compared by: the larger the better."""
    return sum(weight * metrics[name] for name, weight in gates.score.items())


def check_gates(
    gates: Gates,
    metrics: Mapping[str, float],
    champion: Mapping[str, float] | None,
    others: Sequence[Mapping[str, float]] = (),
) -> tuple[Gate, ...]:
    """The gates of a promotion, and whether each is passed.

    Args:
        metrics: of the challenger.
        champion: of the model in use, on the same data; None where there is none.
        others: of the other challengers of the iteration: only the best of them passes.

    Raises:
        KeyError: a rule names a metric that the learner does not measure.
    """
    found = []
    for rule in gates.rules:
        value = metrics[rule.metric]
        if rule.limit is not None:
            found.append(_gate(rule.metric, value, rule.limit, rule.rule))
        elif champion is not None and not (rule.unless_champion_fails and _fails(gates, champion)):
            assert rule.tolerance is not None
            room = -rule.tolerance if rule.rule == "at_least" else rule.tolerance
            limit = champion[rule.metric] + room
            found.append(_gate(f"{rule.metric}_of_champion", value, limit, rule.rule))
    if others:
        best = max(score_of(gates, other) for other in others)
        own = score_of(gates, metrics)
        found.append(_gate("score_of_other_challengers", own, best, "at_least"))
    return tuple(found)


def _fails(gates: Gates, champion: Mapping[str, float]) -> bool:
    """Whether the champion breaks an upper limit: what cries without end finds everything."""
    return any(
        rule.limit is not None and rule.rule == "at_most" and champion[rule.metric] > rule.limit
        for rule in gates.rules
    )


def _gate(name: str, value: float, limit: float, rule: Rule) -> Gate:
    passed = value >= limit if rule == "at_least" else value <= limit
    return Gate(name=name, value=value, limit=limit, rule=rule, passed=passed)
