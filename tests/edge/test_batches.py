"""Messages hold consecutive readings of one boot, on a clock that did not jump between them."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from lineal_edge.batches import first_message
from lineal_edge.rows import GapRow, ReadingRow, StreamRow
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings, parse_stream_message

BOOT = "a" * 32
FEATURES = json.dumps(["x", "y"])


def row(seq: int, *, boot: str = BOOT, wall: int | None = None, x: float = 1.0) -> ReadingRow:
    now = seq * 50_000
    return ReadingRow(seq, boot, FEATURES, seq, now, now if wall is None else wall, (x, 2.0))


def messages(rows: list[StreamRow]) -> list[TelemetryReadings | TelemetryGap]:
    found = []
    while message := first_message("pump-1", rows):
        found.append(parse_stream_message(message.body))
        rows = rows[message.rows :]
    return found


def spans(rows: list[StreamRow]) -> list[tuple[int, int]]:
    return [(message.first_seq, message.last_seq) for message in messages(rows)]


def test_there_is_no_message_without_rows() -> None:
    assert first_message("pump-1", []) is None


def test_a_gap_is_a_message_of_its_own() -> None:
    gap = GapRow(3, BOOT, 3, 9, 0, "disk_full")
    assert spans([row(1), row(2), gap, row(10)]) == [(1, 2), (3, 9), (10, 10)]


def test_a_new_boot_begins_a_new_message() -> None:
    assert spans([row(1), row(2), row(1, boot="b" * 32)]) == [(1, 2), (1, 1)]


def test_a_jump_of_the_wall_clock_begins_a_new_message_which_tells_the_new_time() -> None:
    year = 365 * 86_400_000_000
    rows: list[StreamRow] = [row(1), row(2), row(3, wall=year), row(4, wall=year + 50_000)]
    first, second = messages(rows)
    assert (first.last_seq, second.first_seq) == (2, 3)
    assert second.wall_us == year
    back = [*rows, row(5, wall=0)]
    assert spans(list(back)) == [(1, 2), (3, 4), (5, 5)]


def test_a_clock_that_is_slowly_corrected_changes_nothing() -> None:
    """NTP slews by 500 ppm at most: over 100 readings that is milliseconds."""
    rows: list[StreamRow] = [row(n, wall=n * 50_000 + n * 25) for n in range(1, 101)]
    assert spans(rows) == [(1, 100)]


def test_a_wall_clock_before_1970_is_told_as_0() -> None:
    [message] = messages([row(1, wall=-5)])
    assert message.wall_us == 0


@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_any_number_a_sensor_can_give_can_be_sent(values: list[float]) -> None:
    [message] = messages([row(n, x=x) for n, x in enumerate(values, 1)])
    assert isinstance(message, TelemetryReadings)
    sent = [line[0] for line in message.values]
    assert sent == [x if math.isfinite(x) else None for x in values]


def test_wide_readings_come_in_smaller_messages() -> None:
    features = json.dumps([f"f{n}" for n in range(200)])
    rows: list[StreamRow] = [
        ReadingRow(n, BOOT, features, n, n, n, (0.5,) * 200) for n in range(1, 251)
    ]
    assert spans(rows) == [(1, 100), (101, 200), (201, 250)]
