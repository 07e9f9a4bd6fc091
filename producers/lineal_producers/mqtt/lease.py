"""The lease by which one bridge at a time works for a share of a broker's devices.

The broker's own shared subscriptions would divide the messages of one device among several bridges
and lose their order. So each share has a lease, a row in the store that all bridges share, and a
bridge that was thought dead and is not finds out when it commits. (The broker helps: all use one
client id for a share, and a second connection ends the first.)

Each time that a lease is acquired it gets a new term, whoever acquires it: what was begun in an
earlier one does not count any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from lineal.lineage.actor import this_worker
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.wakeup import process_alive
from lineal_producers.mqtt.effects import LeaseHeld, LeaseLost, LeaseRow, lease_row
from lineal_producers.mqtt.rows import put_rows
from lineal_producers.mqtt.shares import Share, shares_of
from lineal_schemas.envelope import now_us

_POLL_SECONDS = 1.0


class LeaseTerms:
    """For how long this process is given something, and when others' time is over."""

    def __init__(self, runtime: Runtime, seconds: float) -> None:
        wakeups = runtime.database.wakeups
        self.holder = wakeups.member
        self.seconds = seconds
        self._folder = wakeups.directory
        self._alone = runtime.store is runtime.database

    def until(self, now: int) -> int:
        """When what is given now runs out, microseconds since the Unix epoch."""
        return now + int(self.seconds * 1e6)

    def is_over(self, holder: str, until: int) -> bool:
        """Whether another process's time is over: it has run out, or the process is dead."""
        left = until - now_us()
        # more than was ever given out: the clock was set back
        return not 0 < left <= 2e6 * self.seconds or self._is_dead(holder)

    def _is_dead(self, holder: str) -> bool:
        """A process of this data folder can be seen to be dead; of another machine's, nothing can
        be seen but that it no longer renews."""
        ours = self._alone or (self._folder / holder).exists()
        return ours and not process_alive(self._folder, holder)


class Lease:
    """A lease that was acquired; see :meth:`Leases.acquire`."""

    def __init__(
        self, runtime: Runtime, terms: LeaseTerms, share: Share, name: str, term: int
    ) -> None:
        self._store = runtime.store
        self._terms = terms
        self.share = share
        self.name = name
        """Of the share: its client id."""
        self.term = term

    async def check(self) -> None:
        """Renew it.

        Raises:
            LeaseLost: another one has it.
            StoreUnavailable: it could not be renewed.
        """

        def renew(connection: Connection) -> bool:
            held = self._is_held(connection)
            if held:
                until = self._terms.until(now_us())
                _put(connection, self.name, self._terms.holder, until, self.term)
            return held

        if not await self._store.write(renew):
            raise LeaseLost("another bridge has taken over")

    async def keep(self) -> None:
        """Renew it for ever.

        Raises:
            As :meth:`check`.
        """
        while True:
            await asyncio.sleep(self._terms.seconds / 3)
            await self.check()

    async def release(self) -> None:
        """Release it, so that the next bridge takes it at once."""

        def release(connection: Connection) -> None:
            if self._is_held(connection):
                _put(connection, self.name, "", 0, self.term)

        await self._store.write(release)

    def held(self) -> LeaseHeld:
        """An effect that fails with :class:`LeaseLost`, and its transaction with it, when the
        lease is another's."""
        return LeaseHeld(self.name, self._terms.holder, self.term)

    def _is_held(self, connection: Connection) -> bool:
        row = lease_row(connection, self.name)
        return row is not None and (row.holder, row.term) == (self._terms.holder, self.term)


class Leases:
    """The leases of all shares of a broker and a client id, as far as this process has them."""

    def __init__(self, runtime: Runtime, client_id: str, shares: int, *, seconds: float) -> None:
        self._runtime = runtime
        self._terms = LeaseTerms(runtime, seconds)
        self._names = {share: share.client_id(client_id) for share in shares_of(shares)}
        self._ours: set[Share] = set()
        self._taking = asyncio.Lock()

    async def acquire(self) -> Lease | None:
        """Take a lease that nobody has; None where there is none.

        Raises:
            StoreUnavailable
        """
        async with self._taking:
            taken = await self._runtime.store.write(self._take)
            if taken is None:
                return None
            share, term = taken
            self._ours.add(share)
        return Lease(self._runtime, self._terms, share, self._names[share], term)

    async def wait(self) -> Lease:
        """Wait until there is one."""
        while (lease := await self.acquire()) is None:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(_POLL_SECONDS)
        return lease

    async def release(self, lease: Lease) -> None:
        """Give one back.

        Raises:
            StoreUnavailable: it runs out by itself.
        """
        self._ours.discard(lease.share)
        await lease.release()

    def _take(self, connection: Connection) -> tuple[Share, int] | None:
        for share, name in self._names.items():
            if share in self._ours:
                continue
            row = lease_row(connection, name)
            free = row is None or row.holder == self._terms.holder
            if row is None or free or self._terms.is_over(row.holder, row.until):
                term = 1 if row is None else row.term + 1
                _put(connection, name, self._terms.holder, self._terms.until(now_us()), term)
                return share, term
        return None


class ShareHolder(NamedTuple):
    """Who works for a share."""

    share: Share
    worker: str | None
    """Host and process; None: nobody."""
    until: int
    """When its lease runs out, microseconds since the Unix epoch."""
    term: int
    """How many have had it so far."""


def share_holders(connection: Connection, client_id: str, shares: int) -> list[ShareHolder]:
    """Who works for each share of a client id."""
    holders = []
    for share in shares_of(shares):
        row = lease_row(connection, share.client_id(client_id)) or LeaseRow("", 0, 0, "")
        worker = (row.worker or row.holder) if row.until > now_us() else None
        holders.append(ShareHolder(share, worker or None, row.until, row.term))
    return holders


def revoke_leases(connection: Connection, names: Sequence[str]) -> None:
    """Take leases away from whoever has them."""
    for name in names:
        if (row := lease_row(connection, name)) is not None:
            _put(connection, name, "", 0, row.term)


def _put(connection: Connection, name: str, holder: str, until: int, term: int) -> None:
    fields = LeaseRow(holder, until, term, this_worker() if holder else "")._asdict()
    put_rows(connection, {f"lease/{name}": orjson.dumps(fields)})
