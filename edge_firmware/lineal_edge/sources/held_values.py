"""The last values of channels that are not all told at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence


class HeldValues:
    """A reading has a value of every channel: the newest that is known of each."""

    def __init__(self, channels: Iterable[str]) -> None:
        self._values = dict.fromkeys(channels, math.nan)

    def update(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The values of all channels with these among them."""
        self._values.update(values)
        return tuple(self._values.values())

    def with_older(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The values of all channels with these, which are older than what is known, among them."""
        return tuple({**self._values, **values}.values())

    def state(self) -> list[float | None]:
        """For a position: JSON values, in the order of the channels."""
        return [value if math.isfinite(value) else None for value in self._values.values()]

    def restore(self, state: Sequence[float | None]) -> None:
        """What :meth:`state` gave, if it is of as many channels."""
        if len(state) == len(self._values):
            for name, value in zip(self._values, state, strict=True):
                self._values[name] = math.nan if value is None else value
