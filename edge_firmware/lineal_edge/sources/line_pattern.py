"""Finds the values of channels in lines of text, by a regular expression with named groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lineal_scoring.csv_readings import number
from lineal_scoring.turbine.line import BadLine


@dataclass(frozen=True)
class LinePattern:
    """One pattern and which of its groups are channels."""

    expression: re.Pattern[str]
    groups: tuple[str, ...]
    features: tuple[str, ...]
    """What the groups are called from here on."""

    @staticmethod
    def compile(pattern: str) -> re.Pattern[str]:
        """The expression of a pattern.

        Raises:
            ValueError: it is none, or has no named group.
        """
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"pattern is no regular expression: {error}") from error
        if not expression.groupindex:
            raise ValueError("pattern needs a named group for each channel: (?P<pressure>...)")
        return expression

    @classmethod
    def of(cls, pattern: str, groups: Mapping[str, str]) -> LinePattern:
        """A pattern whose channels are found in ``groups`` (channel: group); all of its groups
        where there are none.

        Raises:
            ValueError: the pattern cannot be used, or has no such group.
        """
        expression = cls.compile(pattern)
        wanted = groups or {name: name for name in expression.groupindex}
        if missing := [group for group in wanted.values() if group not in expression.groupindex]:
            there = ", ".join(expression.groupindex)
            raise ValueError(f"the pattern has no group {missing[0]!r}; there are: {there}")
        return cls(expression, tuple(wanted.values()), tuple(wanted))

    def values(self, line: bytes) -> tuple[float, ...]:
        """The values in a line; NaN for a group that is not in it, or empty.

        Raises:
            BadLine: the pattern is nowhere in the line, or a group holds no number.
        """
        found = self.expression.search(line.decode("utf-8", errors="replace"))
        if found is None:
            raise BadLine(f"the pattern is not in {line[:80]!r}")
        values = tuple(number(found[group] or "") for group in self.groups)
        if any(value is None for value in values):
            raise BadLine(f"a group holds no number: {line[:80]!r}")
        return tuple(value for value in values if value is not None)
