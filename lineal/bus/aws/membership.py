"""Which groups have workers: each process writes a heartbeat into the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from uuid import uuid4

import structlog

from lineal.bus.aws import inbox
from lineal.store.connection import Store

log = structlog.get_logger(__name__)

_HEARTBEAT_SECONDS = 10.0


class Membership:
    """The membership of this process in groups.

    Args:
        groups: those it works for now.
    """

    def __init__(self, store: Store, groups: Callable[[], Collection[str]]) -> None:
        self._store = store
        self._groups = groups
        self._member = uuid4().hex

    async def run(self) -> None:
        """Send heartbeats until cancelled."""
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            try:
                await self.heartbeat()
            except Exception as error:
                log.warning("membership.heartbeat_failed", error=repr(error))

    async def heartbeat(self) -> None:
        """Say that this process works for its groups."""
        if groups := self._groups():
            await self._store.write(lambda c: inbox.record_member(c, groups, self._member))

    async def leave(self, group: str) -> None:
        """This process works for a group no longer."""
        # If the store is away now, the membership expires a little later.
        with contextlib.suppress(Exception):
            await self._store.write(lambda c: inbox.remove_member(c, group, self._member))

    async def groups_of_other_processes(self) -> set[str]:
        """The groups that living workers of other processes work for."""
        return await self._store.read(lambda c: inbox.other_groups(c, self._member))
