"""The turbine's line protocol: 20 comma-separated fields in ASCII, one line a reading."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lineal_schemas.errors import LinealError
from lineal_schemas.telemetry import TURBINE_FEATURES, TURBINE_FIELDS
from lineal_scoring.turbine.orientation import euler_angles

MAX_LINE = 512
"""Bytes; twenty numbers take less than half of it, so a longer line is noise."""

_QUATERNION = TURBINE_FIELDS.index("qw")
_ANGLES = ("roll", "pitch", "yaw")


class BadLine(LinealError, ValueError):
    """A line that is not a reading."""


def parse_line(line: bytes) -> tuple[float, ...]:
    """The 20 fields of a line, without its end. An empty field is a sensor that gave nothing, and
    NaN, as is any number that is not finite.

    Raises:
        BadLine: it is too long, not 20 fields, or one of them is not a number.
    """
    if len(line) > MAX_LINE:
        raise BadLine(f"longer than {MAX_LINE} bytes")
    fields = line.split(b",")
    if len(fields) != len(TURBINE_FIELDS):
        raise BadLine(f"{len(fields)} fields instead of {len(TURBINE_FIELDS)}")
    return tuple(map(_number, fields))


def _number(field: bytes) -> float:
    text = field.strip()
    if not text:
        return math.nan
    if b"_" in text:  # float() takes 1_000 for a thousand
        raise BadLine(f"{text!r} is not a number")
    try:
        value = float(text)
    except ValueError as error:
        raise BadLine(f"{text!r} is not a number") from error
    return value if math.isfinite(value) else math.nan


def derivation(
    features: Sequence[str] = TURBINE_FEATURES,
) -> Callable[[Sequence[float]], tuple[float, ...]]:
    """A function from a line's fields to the values of ``features``: Euler angles, or any field.

    Raises:
        ValueError: a feature is neither an angle nor a field.
    """
    unknown = [name for name in features if name not in _ANGLES + TURBINE_FIELDS]
    if unknown:
        raise ValueError(f"the turbine has no {', '.join(unknown)}")
    if not set(features) & set(_ANGLES):
        columns = [TURBINE_FIELDS.index(name) for name in features]
        return lambda fields: tuple(fields[column] for column in columns)
    # the angles stand behind the fields, so one index finds either
    places = [(*TURBINE_FIELDS, *_ANGLES).index(name) for name in features]

    def derive(fields: Sequence[float]) -> tuple[float, ...]:
        angles = euler_angles(*fields[_QUATERNION : _QUATERNION + 4])
        everything = (*fields, *angles)
        return tuple(everything[place] for place in places)

    return derive
