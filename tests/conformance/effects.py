"""An effect that a test can look into: applying it calls a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Call(Effect):
    kind: ClassVar[str] = "test.call"
    read_by_others: ClassVar[bool] = True

    function: Callable[[Connection], None]


def _apply(connection: Connection, calls: Sequence[Call]) -> None:
    for call in calls:
        call.function(connection)


register(_apply, Call)
