"""Converts the quaternions of an inertial sensor to angles, and back."""

from __future__ import annotations

import math

_NOWHERE = (math.nan, math.nan, math.nan)


def euler_angles(w: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Roll, pitch and yaw in radians of a quaternion: intrinsic rotations about z, y', x''
    (Tait-Bryan, the order of aviation), roll and yaw in (-pi, pi], pitch in [-pi/2, pi/2].

    The quaternion need not have the length 1, as sensors send few digits; one further from it than
    a half, or that is not a number, has no angles: three NaN. Straight up or down, where roll and
    yaw turn about the same axis, all of the turn is told as yaw.
    """
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    if not 0.5 <= norm <= 1.5:
        return _NOWHERE
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    sine = 2 * (w * y - z * x)
    if abs(sine) > 1 - 1e-12:
        turn = -2 * math.atan2(x, w) if sine > 0 else 2 * math.atan2(x, w)
        return 0.0, math.copysign(math.pi / 2, sine), math.remainder(turn, math.tau)
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(sine)
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return roll, pitch, yaw


def quaternion(roll: float, pitch: float, yaw: float) -> tuple[float, float, float, float]:
    """The unit quaternion w, x, y, z of these angles (radians)."""
    cr, sr = math.cos(roll / 2), math.sin(roll / 2)
    cp, sp = math.cos(pitch / 2), math.sin(pitch / 2)
    cy, sy = math.cos(yaw / 2), math.sin(yaw / 2)
    return (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )
