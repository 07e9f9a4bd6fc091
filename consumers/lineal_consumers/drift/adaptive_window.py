"""ADWIN (Bifet and Gavaldà 2007), a test for a change of the mean. Needs the extra ``adwin``
(river)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any


def mean_changes(then: Iterable[float], now: Iterable[float], delta: float) -> bool:
    """Whether the window is cut while it takes in ``now`` after ``then``; all values finite.

    Args:
        delta: bound on the probability of a cut where nothing changes.

    Raises:
        ModuleNotFoundError: river is not installed.
    """
    drift: Any = import_module("river.drift")  # it ships types for a part of itself only
    window = drift.ADWIN(delta=delta)
    for value in then:
        window.update(value)
    changes = False
    for value in now:
        window.update(value)
        changes = changes or window.drift_detected
    return changes
