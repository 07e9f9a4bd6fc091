"""Angles of quaternions, against the definition and at the places where formulas break."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lineal_scoring.turbine.orientation import euler_angles, quaternion

ANGLE = st.floats(-3.1, 3.1)


@given(ANGLE, st.floats(-1.5, 1.5), ANGLE)
def test_angles_survive_the_way_to_a_quaternion_and_back(r: float, p: float, y: float) -> None:
    assert euler_angles(*quaternion(r, p, y)) == pytest.approx((r, p, y), abs=1e-6)


@pytest.mark.parametrize(
    ("turn", "angles"),
    [
        ((1, 0, 0, 0), (0, 0, 0)),
        ((math.sqrt(0.5), math.sqrt(0.5), 0, 0), (math.pi / 2, 0, 0)),
        ((math.sqrt(0.5), 0, math.sqrt(0.5), 0), (0, math.pi / 2, 0)),
        ((math.sqrt(0.5), 0, 0, math.sqrt(0.5)), (0, 0, math.pi / 2)),
        ((-1, 0, 0, 0), (0, 0, 0)),
        (quaternion(0.7, math.pi / 2, 0.2), (0, math.pi / 2, -0.5)),
        (quaternion(0.7, -math.pi / 2, 0.2), (0, -math.pi / 2, 0.9)),
    ],
)
def test_quarter_turns_about_the_axes(turn: tuple[float, ...], angles: tuple[float, ...]) -> None:
    assert euler_angles(*turn) == pytest.approx(angles, abs=1e-7)


@given(st.floats(0.6, 1.4))
def test_few_digits_do_not_matter(length: float) -> None:
    w, x, y, z = (part * length for part in quaternion(0.1, -0.2, 3.0))
    assert euler_angles(w, x, y, z) == pytest.approx((0.1, -0.2, 3.0))


@given(st.tuples(*[st.floats()] * 4))
def test_what_is_no_rotation_has_no_angles(turn: tuple[float, float, float, float]) -> None:
    length = math.hypot(*turn)
    assume(not 0.49 < length < 1.51)
    assert all(map(math.isnan, euler_angles(*turn)))
