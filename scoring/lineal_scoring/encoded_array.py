"""Arrays as text, for snapshots that are kept as JSON: base64 of their bytes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import numpy.typing as npt


def encode_array(array: npt.NDArray[Any]) -> str:
    """An array's values as text; :func:`decode_array` is told their type and shape."""
    return b64encode(np.ascontiguousarray(array).tobytes()).decode()


def encode_optional(array: npt.NDArray[Any] | None) -> str | None:
    """An array's values as text, or None where there is none."""
    return None if array is None else encode_array(array)


def decode_array(text: str, dtype: type[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """The array of such a text.

    Raises:
        ValueError: the text does not hold values of that type and shape.
    """
    return np.frombuffer(b64decode(text), dtype=dtype).reshape(shape).copy()
