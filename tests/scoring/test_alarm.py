"""One anomaly opens, is told of when it grows, and closes; whatever the scores do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineal_scoring.alarm import AlarmMachine, AlarmRules, Closed, Opened, Updated

THRESHOLD = 2.0
EVENTS = st.one_of(
    st.tuples(st.just("score"), st.floats(0, 10), st.sampled_from(["a", "b"])),
    st.tuples(st.just("unusable")),
    st.tuples(st.just("interrupt"), st.sampled_from(["gap", "restart", "model_changed"])),
)
RULES = st.builds(
    AlarmRules,
    open_after=st.integers(1, 4),
    close_after=st.integers(1, 4),
    close_ratio=st.floats(0.3, 1.0),
    growth=st.floats(1.1, 3.0),
    update_after=st.integers(1, 5),
    patience=st.integers(1, 5),
)


def run(rules: AlarmRules, events):
    """Every transition with the number of the event it came with."""
    machine, found = AlarmMachine(rules), []
    for number, event in enumerate(events):
        if event[0] == "score":
            share = ((event[2], 1.0),)
            transition = machine.observe(number, number + 9, event[1], THRESHOLD, share)
        elif event[0] == "unusable":
            transition = machine.unusable(number + 9)
        else:
            transition = machine.interrupt(event[1])
        if transition is not None:
            found.append((number, transition))
        state = machine.snapshot()
        machine = AlarmMachine(rules)
        machine.restore(state)
    return machine, found


@given(RULES, st.lists(EVENTS, max_size=80))
def test_anomalies_open_and_close_in_turn(rules, events) -> None:
    machine, found = run(rules, events)
    first = None
    for _, transition in found:
        if isinstance(transition, Opened):
            assert first is None
            first = transition.first_seq
        else:
            assert first == transition.first_seq
            if isinstance(transition, Closed):
                first = None
    assert machine.is_open == (first is not None)
    assert machine.first_seq == first


@given(RULES, st.lists(EVENTS, max_size=80))
def test_it_opens_only_after_enough_windows_in_a_row_above_the_threshold(rules, events) -> None:
    _, found = run(rules, events)
    for number, transition in found:
        if isinstance(transition, Opened):
            row = events[number - rules.open_after + 1 : number + 1]
            assert len(row) == rules.open_after
            assert all(event[0] == "score" and event[1] > THRESHOLD for event in row)
            assert transition.first_seq == number - rules.open_after + 1


@given(RULES, st.lists(EVENTS, max_size=80))
def test_it_closes_as_normal_only_after_enough_windows_below_the_lower_threshold(
    rules, events
) -> None:
    _, found = run(rules, events)
    for number, transition in found:
        if isinstance(transition, Closed) and transition.reason == "normal":
            scores = [event[1] for event in events[: number + 1] if event[0] == "score"]
            low = scores[-rules.close_after :]
            assert len(low) == rules.close_after
            assert all(score <= THRESHOLD * rules.close_ratio for score in low)


@given(RULES, st.lists(EVENTS, max_size=80))
def test_updates_are_rare_and_the_peak_is_the_largest_score(rules, events) -> None:
    _, found = run(rules, events)
    last_told = begun = 0
    for number, transition in found:
        if isinstance(transition, Opened):
            begun = number - rules.open_after + 1
        if isinstance(transition, Updated):
            told = events[last_told + 1 : number + 1]
            assert sum(event[0] == "score" for event in told) >= rules.update_after
        if isinstance(transition, Updated | Closed):
            scores = [event[1] for event in events[begun : number + 1] if event[0] == "score"]
            assert transition.peak_score == max(scores)
        last_told = number


def test_a_score_that_hovers_about_the_threshold_is_one_anomaly() -> None:
    events = [("score", 2.0 + (0.1 if number % 2 else -0.1), "a") for number in range(100)]
    _, found = run(AlarmRules(close_after=2, close_ratio=0.8, update_after=100), events)
    assert [type(transition) for _, transition in found] == [Opened]


def test_windows_without_a_score_close_it_for_want_of_data() -> None:
    events = [("score", 5.0, "a"), *[("unusable",)] * 3]
    _, found = run(AlarmRules(patience=3), events)
    assert found[-1][1] == Closed(0, 12, 5.0, 4, "gap")
