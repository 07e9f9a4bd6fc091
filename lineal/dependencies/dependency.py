"""``Dependency``: what a stage calls, and how it is treated when it does not answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lineal.durations import seconds_of

WhenOpen = Literal["wait", "raise"]


def _seconds(value: object) -> object:
    return seconds_of(value) if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
"""Seconds, or a text like ``10s``, ``5m``, ``2h``."""


class DependencySettings(BaseModel):
    """How a dependency is called: ``[dependencies.NAME]``.

    A rate and a circuit are those of one process: with three processes that call it a dependency
    gets up to three times the rate, and each finds out for itself that it is away.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls_per_second: Annotated[float, Field(gt=0)] | None = None
    """By all stages of a process; none: no limit."""
    burst: Annotated[int, Field(ge=1)] = 1
    """So many calls may follow each other at once after a pause."""
    call_seconds: Seconds | None = None
    """A call that takes longer has failed; none: no limit but the handler's."""
    failures: Annotated[int, Field(ge=1)] = 5
    """After so many failed calls in a row it is called no more for a while: the circuit is open."""
    open_seconds: Seconds = 30.0
    """How long; then one call is tried, and closes the circuit if it is answered."""
    when_open: WhenOpen = "wait"
    """``wait``: events wait in their lanes until it answers again, which uses up no attempt;
    ``raise``: a call raises :class:`lineal.errors.CircuitOpen`."""


class Dependency(DependencySettings):
    """Something outside that a stage declares to call (``calls=``), with its own defaults.

    Declared by several stages it is one: share the object, or name it the second time.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
