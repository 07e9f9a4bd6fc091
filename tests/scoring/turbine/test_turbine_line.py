"""Lines of the turbine: what is a reading is read, everything else is refused and never crashes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_schemas.telemetry import TURBINE_FEATURES, TURBINE_FIELDS
from lineal_scoring.turbine.line import MAX_LINE, BadLine, derivation, parse_line
from lineal_scoring.turbine.simulation import Turbine

GOOD = b"1000,2048,1.6,2.1,47.8,1,0,0,0,.1,.2,.3,0,0,9.81,35,18,55,1013,120"


def test_the_twenty_fields_are_read_in_order() -> None:
    fields = dict(zip(TURBINE_FIELDS, parse_line(GOOD), strict=True))
    assert (fields["millis"], fields["rps"], fields["voltage"]) == (1000, 1.6, 47.8)
    assert (fields["qw"], fields["az"], fields["gas"]) == (1, 9.81, 120)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        GOOD[:-4],
        GOOD + b",1",
        GOOD.replace(b"47.8", b"47.8V"),
        GOOD.replace(b"47.8", b"4_7"),
        GOOD.replace(b"47.8", b"0x10"),
        GOOD.replace(b"47.8", b"\xff\x00"),
        GOOD.replace(b"47.8", b"1" * MAX_LINE),
        b"Booting..., sensor found",
    ],
)
def test_a_line_that_is_no_reading_is_refused(line: bytes) -> None:
    with pytest.raises(BadLine):
        parse_line(line)


@pytest.mark.parametrize("field", [b"", b" ", b"nan", b"NaN", b"inf", b"-inf", b"1e999"])
def test_a_sensor_that_gives_nothing_usable_is_a_missing_value(field: bytes) -> None:
    fields = parse_line(GOOD.replace(b"47.8", field))
    assert math.isnan(fields[4])
    assert sum(map(math.isnan, fields)) == 1


@given(st.binary(max_size=700))
def test_any_bytes_are_a_reading_or_a_bad_line(line: bytes) -> None:
    try:
        fields = parse_line(line)
    except BadLine:
        return
    assert len(fields) == 20
    assert not any(map(math.isinf, fields))


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=20, max_size=20))
def test_any_values_have_features_which_are_numbers_or_missing(values: list[float]) -> None:
    features = derivation()(values)
    assert len(features) == len(TURBINE_FEATURES)
    assert all(math.isnan(x) or abs(x) <= math.pi for x in features[:3])
    assert features[3:] == (values[3], values[2], values[4])


def test_features_can_be_chosen_and_unknown_ones_are_refused() -> None:
    fields = parse_line(GOOD)
    assert derivation(["gearboxtemp", "yaw"])(fields) == (35, 0)
    assert derivation(["gas", "rps"])(fields) == (120, 1.6)
    with pytest.raises(ValueError, match="the turbine has no torque"):
        derivation(["rps", "torque"])


def test_the_simulated_turbine_speaks_the_protocol() -> None:
    turbine = Turbine(1)
    for _ in range(100):
        line = turbine.line()
        assert line.endswith(b"\r\n")
        assert len(line) < MAX_LINE / 2
        assert not any(map(math.isnan, derivation()(parse_line(line.rstrip()))))
