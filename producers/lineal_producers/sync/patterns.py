"""Which files of a source are ingested, by glob patterns and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import Any

from lineal.errors import LinealError

_REGULAR = "re:"


class WrongPattern(LinealError, ValueError):
    """A pattern is no regular expression."""


@dataclass(frozen=True)
class Patterns:
    """Which files are ingested, by the path below the source's beginning: those that match an
    ``include`` (all where there is none) and no ``exclude``. ``*`` matches anything, slashes too,
    ``?`` one character, ``[...]`` one of a set; what begins with ``re:`` is a regular expression
    that is searched for in the path.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def take(self, path: str) -> bool:
        """Whether a file is ingested.

        Raises:
            WrongPattern: a pattern is none.
        """
        wanted = not self.include or any(fits(path) for fits in self._included)
        return wanted and not any(fits(path) for fits in self._excluded)

    @cached_property
    def _included(self) -> list[Callable[[str], Any]]:
        return _compiled(self.include)

    @cached_property
    def _excluded(self) -> list[Callable[[str], Any]]:
        return _compiled(self.exclude)


def _compiled(patterns: Sequence[str]) -> list[Callable[[str], Any]]:
    return [_matcher(pattern) for pattern in patterns]


def _matcher(pattern: str) -> Callable[[str], Any]:
    if not pattern.startswith(_REGULAR):
        return re.compile(translate(pattern)).match
    try:
        return re.compile(pattern.removeprefix(_REGULAR)).search
    except re.error as error:
        raise WrongPattern(f"{pattern!r} is no regular expression: {error}") from error
