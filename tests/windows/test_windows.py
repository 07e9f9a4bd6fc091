"""Windows by event time, compared with a plain model that has all events in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.stages.state_values import decode_value, encode_value
from lineal.windows import KeyWindows, Session, Sliding, Tumbling, Window, Windows
from tests.long import examples

SECOND = 1_000_000
TIMES = st.lists(st.integers(0, 100), max_size=40)
SHAPES = st.sampled_from(
    [
        Tumbling(timedelta(seconds=10)),
        Sliding(timedelta(seconds=10), timedelta(seconds=5)),
        Sliding(timedelta(seconds=9), timedelta(seconds=4)),
        Sliding(timedelta(seconds=3), timedelta(seconds=7)),
    ]
)
Items = tuple[int, ...]


class Run(NamedTuple):
    results: list[Window[Items]]
    accepted: list[bool]


def summing(shape: Any, lateness: int, kept: int) -> Windows[int, Items]:
    return Windows(
        shape, tuple[int, ...], start=tuple, add=lambda value, item: (*value, item),
        merge=lambda one, other: one + other,
        lateness=timedelta(seconds=lateness), kept=timedelta(seconds=kept),
    )  # fmt: skip


def run(windows: Windows[int, Items], times: list[int]) -> Run:
    state: KeyWindows[Items] = KeyWindows()
    results: list[Window[Items]] = []
    accepted = []
    for number, time in enumerate(times):
        state, added = windows.added(state, number, time * SECOND)
        # As it is kept between events.
        state = decode_value(KeyWindows[Items], encode_value(state))
        assert all(window.end <= state.watermark for window in added.windows)
        results += added.windows
        accepted.append(not added.too_late)
    _, closed = windows.advanced(state, 1 << 61)
    return Run([*results, *closed], accepted)


@settings(max_examples=examples(200))
@given(SHAPES, TIMES, st.integers(0, 20), st.integers(0, 20))
def test_each_window_has_its_events(shape: Any, times: list[int], lateness: int, kept: int) -> None:
    found = run(summing(shape, lateness, kept), times)
    expected: dict[tuple[int, int], Items] = {}
    watermark = -(1 << 62)
    for number, time in enumerate(times):
        for begin, end in shape.spans(time * SECOND):
            assert begin <= time * SECOND < end
            if end > watermark - kept * SECOND:
                expected[begin, end] = (*expected.get((begin, end), ()), number)
        watermark = max(watermark, (time - lateness) * SECOND)
    last = {(window.begin, window.end): window.value for window in found.results}
    assert last == expected
    for span in expected:
        revisions = [w.revision for w in found.results if (w.begin, w.end) == span]
        assert revisions == list(range(1, len(revisions) + 1)), "each correction is the next"


@settings(max_examples=examples(200))
@given(TIMES, st.integers(1, 15), st.integers(0, 20))
def test_sessions_are_what_is_within_a_gap(times: list[int], gap: int, lateness: int) -> None:
    found = run(summing(Session(timedelta(seconds=gap)), lateness, kept=10_000), times)
    assert all(found.accepted)
    sessions: list[list[int]] = []
    for time in sorted(times):
        if sessions and time < sessions[-1][-1] + gap:
            sessions[-1].append(time)
        else:
            sessions.append([time])
    held: dict[tuple[int, int], Items] = {}
    for window in found.results:
        for former in window.replaces:
            del held[former]
        held[window.begin, window.end] = window.value
    assert {span: sorted(times[number] for number in value) for span, value in held.items()} == {
        (s[0] * SECOND, (s[-1] + gap) * SECOND): s for s in sessions
    }


@settings(max_examples=examples(100))
@given(SHAPES, TIMES, st.integers(0, 20), st.integers(0, 20), st.randoms())
def test_within_the_lateness_the_order_makes_no_difference(
    shape: Any, times: list[int], lateness: int, kept: int, chance: Any
) -> None:
    times = sorted(times)
    mixed = sorted(range(len(times)), key=lambda n: times[n] + chance.random() * lateness)
    results = run(summing(shape, lateness, kept), [times[number] for number in mixed]).results
    in_order = run(summing(shape, lateness, kept), times).results
    assert [w.revision for w in results] == [1] * len(results), "nothing had to be corrected"
    assert [
        (w.begin, w.end, sorted(times[mixed[n]] for n in w.value)) for w in sorted(results)
    ] == [(w.begin, w.end, [times[n] for n in w.value]) for w in sorted(in_order)]


def test_sessions_need_a_way_to_be_merged() -> None:
    with pytest.raises(TypeError, match="merge="):
        Windows(Session(timedelta(seconds=1)), int, start=int, add=lambda value, item: value)


def test_state_that_was_kept_before_is_read() -> None:
    kept = (
        b'{"watermark":5,"newest":5,"wakes_for":10,"wakes_at":12,"windows":[{"begin":0,"end":10,'
        b'"value":3,"revision":1,"changed":false,"replaces":[[0,4]]}]}'
    )
    state: KeyWindows[int] = decode_value(KeyWindows[int], kept)
    assert state.windows[0].replaces == ((0, 4),)
    assert encode_value(state) == kept
