"""Places in a topic, as people write them after --from and --to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st

from lineal_cli.start_positions import StartPosition, parse_position
from lineal_schemas.envelope import format_time

NOW = 1_800_000_000_000_000
SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("beginning", StartPosition()),
        ("now", StartPosition(now=True)),
        (" 42 ", StartPosition(offset=42)),
        ("0", StartPosition(offset=0)),
        ("30s", StartPosition(time=NOW - 30 * SECOND)),
        ("10m", StartPosition(time=NOW - 600 * SECOND)),
        ("2h", StartPosition(time=NOW - 7200 * SECOND)),
        ("3d", StartPosition(time=NOW - 3 * 86400 * SECOND)),
        ("1 w", StartPosition(time=NOW - 7 * 86400 * SECOND)),
        ("1970-01-01T00:00:01Z", StartPosition(time=SECOND)),
        ("1970-01-01T01:00:00.000001+01:00", StartPosition(time=1)),
    ],
)
def test_every_form_names_its_place(text: str, position: StartPosition) -> None:
    assert parse_position(text, NOW) == position


def test_a_time_without_an_offset_is_local_like_the_times_that_are_shown() -> None:
    local = datetime(2026, 11, 21, 9, 30)
    expected = (local.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)
    assert parse_position("2026-11-21T09:30", NOW) == StartPosition(time=int(expected) * SECOND)


def test_a_relative_time_longer_than_history_is_the_beginning_of_time() -> None:
    assert parse_position("999999999w", NOW) == StartPosition(time=0)


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_time_from_an_event_is_understood_exactly(us: int) -> None:
    assert parse_position(format_time(us), NOW) == StartPosition(time=us)


@given(st.text(max_size=30))
@example("٣m")
@example("²")
@example("0001-01-01")
@example("9999-12-31T23:59:59-23:59")
@example("-5")
def test_any_other_text_is_a_usage_error_and_nothing_worse(text: str) -> None:
    try:
        position = parse_position(text, NOW)
    except typer.BadParameter as error:
        assert repr(text) in str(error)
    else:
        assert sum((position.time is not None, position.offset is not None, position.now)) <= 1
