"""Whom the work on something is for, so that each of them has a share of the workers.

A package tells it by a function under the entry points ``lineal.shares``: given a connection and a
correlation id, the name of a group, or None where it knows of none. What is asked often is
remembered for a while: whom something is for hardly changes, and nobody depends on it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from lineal.plugins import plugins
from lineal.store.connection import Connection, Store

ENTRY_POINTS = "lineal.shares"

ShareOf: TypeAlias = "Callable[[Connection, str], str | None]"

_REMEMBERED = 4096
_SECONDS = 60.0


class WorkShares:
    """The groups of correlation ids, by what is installed."""

    def __init__(self, store: Store, functions: tuple[ShareOf, ...] | None = None) -> None:
        self._store = store
        self._functions = _installed() if functions is None else functions
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def group_of(self, correlation_id: str) -> str:
        """The group; empty where nobody knows of one."""
        if not self._functions:
            return ""
        now = time.monotonic()
        found = self._known.get(correlation_id)
        if found is not None and now - found[0] < _SECONDS:
            return found[1]
        group = await self._store.read(lambda c: self._ask(c, correlation_id))
        self._known[correlation_id] = now, group
        self._known.move_to_end(correlation_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return group

    def _ask(self, connection: Connection, correlation_id: str) -> str:
        for share_of in self._functions:
            if (group := share_of(connection, correlation_id)) is not None:
                return group
        return ""


@cache
def _installed() -> tuple[ShareOf, ...]:
    return tuple(plugins(ENTRY_POINTS).loaded.values())
