"""Trace context through events, also where somebody else's is not what it should be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.observability.tracing import (
    child_traceparent,
    first_traceparent,
    is_traceparent,
    trace_id,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
EVENT = "e3a63ee6-1429-5f77-8c8a-5f61a3e3bb8b"
FORM = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def test_a_child_keeps_the_trace_and_has_a_span_of_its_own() -> None:
    assert child_traceparent(PARENT, "document:a", EVENT) == f"00-{TRACE}-e3a63ee614295f77-01"
    assert trace_id(PARENT) == TRACE


def test_one_correlation_id_is_one_trace() -> None:
    first, other = (first_traceparent("document:a", id) for id in (EVENT, EVENT[::-1]))
    assert FORM.fullmatch(first)
    assert trace_id(first) == trace_id(other) != trace_id(first_traceparent("document:b", EVENT))


@pytest.mark.parametrize(
    "parent",
    [
        "", "x", "00-a-b-01", PARENT[:-1], PARENT.replace("-", "_"), PARENT.upper(), f"{PARENT}-x",
        PARENT.replace("a", "g"), f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE}-{'0' * 16}-01",
        f"ff{PARENT[2:]}", f"{PARENT}\n",
    ],
)  # fmt: skip
def test_what_is_no_traceparent_begins_the_trace_anew(parent: str) -> None:
    assert child_traceparent(parent, "document:a", EVENT) == first_traceparent("document:a", EVENT)
    assert trace_id(parent) is None


@given(st.text(max_size=80))
def test_any_parent_gives_a_child_with_the_same_trace_or_a_new_one(parent: str) -> None:
    child = child_traceparent(parent, "document:a", EVENT)
    assert trace_id(child) == (trace_id(parent) or trace_id(first_traceparent("document:a", EVENT)))


def test_a_version_that_is_yet_to_come_is_read_as_the_present_one() -> None:
    child = child_traceparent(f"cc{PARENT[2:]}-more", "document:a", EVENT)
    assert child == f"00-{TRACE}-e3a63ee614295f77-01"


@given(st.text(max_size=80), st.text(max_size=80), st.none() | st.text() | st.just(PARENT))
def test_a_child_is_valid_for_any_id_and_correlation_id(
    correlation_id: str, id: str, parent: str | None
) -> None:
    child = child_traceparent(parent, correlation_id, id)
    assert FORM.fullmatch(child)
    assert is_traceparent(child)
    assert child == child_traceparent(parent, correlation_id, id)


def test_an_id_of_zeros_or_without_enough_digits_has_a_span_of_its_own() -> None:
    spans = {first_traceparent("s", id)[36:52] for id in ("0" * 32, "0", "order-1", "order-2", "")}
    assert len(spans) == 5
    assert "0" * 16 not in spans
