"""Gates are data: a user's own stand beside the learner's."""

from __future__ import annotations

import pytest

from lineal_learning.gates import GateRule, Gates, check_gates

ERROR = Gates(
    rules=(
        GateRule(metric="error", rule="at_most", limit=0.5),
        GateRule(metric="error", rule="at_most", tolerance=0.0),
    ),
    score={"error": -1.0},
)


@pytest.mark.parametrize(
    ("error", "champion", "others", "failed"),
    [
        (0.4, None, [], set()),
        (0.6, None, [], {"error"}),
        (0.4, 0.3, [], {"error_of_champion"}),
        (0.4, 0.4, [], set()),
        (0.4, None, [0.3], {"score_of_other_challengers"}),
    ],
)
def test_smaller_is_better_where_the_rule_says_so(
    error: float, champion: float | None, others: list[float], failed: set[str]
) -> None:
    before = None if champion is None else {"error": champion}
    gates = check_gates(ERROR, {"error": error}, before, [{"error": one} for one in others])
    assert {gate.name for gate in gates if not gate.passed} == failed


def test_a_gate_without_a_measure_is_refused() -> None:
    with pytest.raises(ValueError, match="a limit, or a tolerance"):
        GateRule(metric="error")
