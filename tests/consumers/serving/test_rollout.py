"""A rollout, whatever happens in whatever order: what never may be the case."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal_consumers.serving.config import ServingRules
from lineal_consumers.serving.rollout import (
    RolloutState,
    after_control,
    after_measures,
    after_tests,
)
from lineal_learning.serving_figures import latency_class, latency_ms, score_shift
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.serving import (
    ServingCanaryStarted,
    ServingCompleted,
    ServingControl,
    ServingFigures,
    ServingMeasured,
    ServingRolledBack,
    ServingTested,
)

RULES = ServingRules(shadow_requests=10, steps=(0.1, 0.5), step_requests=20)


def of_tests(version: int, *, passed: bool = True, cause: Any = "promoted") -> ServingTested:
    digest = f"{version:064x}"
    package = ObjectRef(uri=f"sha256:{digest}", sha256=digest, bytes=1, media_type="j")
    return ServingTested(
        name="m", rollout_id=f"r{version}",
        model=ModelRef(name="m", version=version, sha256=digest),
        cause=cause, passed=passed, checks=(), package=package, by="user:ann",
    )  # fmt: skip


def measured(
    state: RolloutState, candidate: ServingFigures, stable: ServingFigures | None = None
) -> ServingMeasured:
    return ServingMeasured(
        name="m", rollout_id=state.rollout_id, step=state.step, server="s", candidate=candidate,
        stable=stable or ServingFigures(), measured_us=1,
    )  # fmt: skip


def in_canary() -> RolloutState:
    state = after_tests(RolloutState(), of_tests(1), RULES).state
    state = after_tests(state, of_tests(2), RULES).state
    return after_measures(state, measured(state, ServingFigures(requests=10)), RULES).state


FAST, SLOW = (0,) * latency_class(1) + (50,), (0,) * latency_class(200) + (50,)


@pytest.mark.parametrize(
    ("candidate", "stable", "measure"),
    [
        ({"requests": 3, "errors": 3}, {}, "errors"),
        ({"requests": 60, "errors": 3}, {"requests": 60}, "errors"),
        ({"requests": 50, "latency_counts": SLOW}, {"requests": 50, "latency_counts": FAST},
         "latency"),
        ({"requests": 1, "memory_grown_mb": 65}, {}, "memory"),
        ({"requests": 19, "scores": (0.9,) * 80}, {"requests": 19, "scores": (0.1,) * 80},
         "scores"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("paused", [False, True])
def test_a_version_that_does_badly_is_rolled_back_also_while_it_is_paused(
    candidate: dict[str, Any], stable: dict[str, Any], measure: str, paused: bool
) -> None:
    state = in_canary().model_copy(update={"paused": paused})
    report = measured(state, ServingFigures(**candidate), ServingFigures(**stable))
    change = after_measures(state, report, RULES)
    (event,) = change.events
    assert isinstance(event, ServingRolledBack)
    assert event.measure == measure and event.model.version == 2
    assert change.state.phase == "all"


def test_what_the_version_before_fails_at_too_is_not_held_against_a_new_one() -> None:
    state = in_canary()
    before = ServingFigures(requests=60, errors=12)
    report = measured(state, ServingFigures(requests=19, errors=3), before)
    assert after_measures(state, report, RULES).events == ()


def test_reports_of_a_step_that_is_over_mean_nothing() -> None:
    state = in_canary()
    late = measured(state, ServingFigures(requests=9, errors=9)).model_copy(update={"step": 0})
    assert after_measures(state, late, RULES).state == state


FIGURES = st.builds(
    ServingFigures,
    requests=st.integers(5, 30),
    errors=st.sampled_from([0, 0, 0, 0, 5]),
    scores=st.sampled_from([(), (0.1, 0.2) * 30, (0.9,) * 60]),
)
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("tested"), st.integers(1, 4), st.booleans(),
                  st.sampled_from(["promoted", "promoted", "rolled_back", "requested"])),
        st.tuples(st.just("measured"), FIGURES, FIGURES),
        st.tuples(st.just("control"), st.sampled_from(["pause", "resume", "abort"])),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(HAPPENINGS)
def test_no_version_answers_that_did_not_pass_and_shares_only_grow(happenings: list[Any]) -> None:
    state, passed, answering = RolloutState(), set(), 0
    share = 0.0
    for kind, *rest in happenings:
        before = state
        if kind == "tested":
            version, good, cause = rest
            if good:
                passed.add(version)
            change = after_tests(state, of_tests(version, passed=good, cause=cause), RULES)
        elif kind == "measured":
            change = after_measures(state, measured(state, *rest), RULES)
        else:
            control = ServingControl(name="m", action=rest[0], by="user:ann", requested_us=1)
            change = after_control(state, control, RULES)
        state = change.state
        for event in change.events:
            if isinstance(event, ServingCompleted):
                answering = event.model.version
            if isinstance(event, ServingCanaryStarted):
                assert event.model.version in passed
        # Every change for those who ask is an event, and so a record.
        if (before.stable, before.candidate, before.step) != (
            state.stable, state.candidate, state.step,
        ):  # fmt: skip
            assert change.events and change.what
        now = state.share(RULES)
        if state.candidate is not None and state.candidate == before.candidate:
            assert now >= share
        share = now
        assert answering == (0 if state.stable is None else state.stable.model.version)
        assert answering == 0 or answering in passed
        if before.paused and state.candidate == before.candidate:
            assert now == before.share(RULES) or not state.paused
        if answering:
            assert state.stable is not None  # whoever asks is answered by some version


def test_times_are_kept_in_classes_that_err_by_a_quarter_at_most() -> None:
    for milliseconds in (0.05, 0.3, 7.0, 123.0, 9000.0):
        counts = [0] * 64
        counts[latency_class(milliseconds)] = 1
        assert milliseconds <= latency_ms(counts, 0.95) <= max(0.1, milliseconds * 1.2501)


def test_a_shift_is_beyond_chance() -> None:
    import random

    draw = random.Random(1)
    one = [draw.random() for _ in range(300)]
    assert score_shift(one, [draw.random() for _ in range(300)]) == 0
    assert score_shift(one, [draw.random() + 1 for _ in range(300)]) > 0.8
    assert score_shift(one, []) == 0
