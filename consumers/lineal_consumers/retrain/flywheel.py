"""Decisions of the flywheel: what an iteration does, and which gates apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from lineal_consumers.retrain.config import DocumentsModel, ReadingsModel
from lineal_schemas.models import Gate

Case = Literal["nothing_new", "only_test", "only_train", "both"]


def case_of(*, new_train: bool, new_test: bool) -> Case:
    """The flywheel's four cases: nothing is done, all are evaluated again, trained again and
    evaluated on the old test data, or both."""
    if new_train:
        return "both" if new_test else "only_train"
    return "only_test" if new_test else "nothing_new"


def score(metrics: Mapping[str, float]) -> float:
    """What challengers of one iteration are compared by: the larger the better."""
    if "accuracy" in metrics:
        return metrics["accuracy"]
    return metrics["sensitivity"] - metrics["false_alarm_rate"]


def gates_of(
    settings: ReadingsModel | DocumentsModel,
    metrics: Mapping[str, float],
    champion: Mapping[str, float] | None,
    others: Sequence[Mapping[str, float]] = (),
) -> tuple[Gate, ...]:
    """The gates of a promotion, and whether each is passed.

    Args:
        metrics: of the challenger.
        champion: of the model in use, on the same data; None where there is none.
        others: of the other challengers of the iteration: only the best of them passes.
    """
    gates = []
    if isinstance(settings, DocumentsModel):
        gates.append(_gate_min("accuracy", metrics["accuracy"], settings.min_accuracy))
        if champion is not None:
            limit = champion["accuracy"] - settings.tolerance
            gates.append(_gate_min("accuracy_of_champion", metrics["accuracy"], limit))
    else:
        rate, found = metrics["false_alarm_rate"], metrics["sensitivity"]
        gates.append(_gate_max("false_alarm_rate", rate, settings.max_false_alarms))
        gates.append(_gate_min("sensitivity", found, settings.min_sensitivity))
        if champion is not None:
            limit = champion["false_alarm_rate"] + settings.tolerance
            gates.append(_gate_max("false_alarm_rate_of_champion", rate, limit))
            if champion["false_alarm_rate"] <= settings.max_false_alarms:
                # What cries without end finds everything: that is no sensitivity to be held to.
                limit = champion["sensitivity"] - settings.tolerance
                gates.append(_gate_min("sensitivity_of_champion", found, limit))
    if others:
        best = max(score(other) for other in others)
        gates.append(_gate_min("score_of_other_challengers", score(metrics), best))
    return tuple(gates)


def _gate_min(name: str, value: float, limit: float) -> Gate:
    return Gate(name=name, value=value, limit=limit, rule="at_least", passed=value >= limit)


def _gate_max(name: str, value: float, limit: float) -> Gate:
    return Gate(name=name, value=value, limit=limit, rule="at_most", passed=value <= limit)
