"""What a benchmark is and what it yields."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LINEAL = Path(sys.executable).parent / "lineal"
"""The command, for what is measured as a user runs it."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table. ``ratio`` is what the goal is about where there is a peer."""

    name: str
    value: float
    unit: str
    goal: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A named measurement; one function may yield several results."""

    names: tuple[str, ...]
    measure: Callable[[], Sequence[Result]]
    limit_s: float = 150
    """Seconds on the clock after which it is given up: several times what it takes."""
    timed: bool = True
    """Whether its figures are of time on the clock, so that it needs the machine for itself. Those
    that are not (how well something is read, found or told apart) run side by side."""
    environments: tuple[str, ...] = ()
    """Those that peers need (:mod:`lineal_local.environments`); they are set up before anything is
    measured."""


def against_peer(
    name: str, unit: str, goal: str, peer: str, pairs: Sequence[tuple[float, float]]
) -> Result:
    """The medians of paired runs, (ours, peer's) measured in turn, and the median of their ratios.

    Pair by pair, because the machine's speed drifts more from minute to minute than from one run
    to the next.
    """
    return Result(
        name=name,
        value=statistics.median(ours for ours, _ in pairs),
        unit=unit,
        goal=goal,
        peer=peer,
        peer_value=statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(ours / theirs for ours, theirs in pairs),
    )


def alone(name: str, unit: str, goal: str, values: Sequence[float]) -> Result:
    """The median of runs without a peer."""
    return Result(name=name, value=statistics.median(values), unit=unit, goal=goal)
