"""One bridge at a time for a broker, others standing by.

Shared subscriptions would divide the messages of one device among several bridges and lose their
order, so one bridge does all the work (it is bound by the bus, not by itself) and others wait to
take over. The lease is a row in the store that all of them share; a bridge that was thought dead
and is not finds out when it commits. (The broker helps: all use one client id, and a second
connection ends the first.)
"""

from __future__ import annotations

import asyncio

import orjson

from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.wakeup import process_alive
from lineal_producers.mqtt.effects import LeaseHeld, LeaseLost, lease_holder
from lineal_producers.mqtt.rows import get_row, put_rows
from lineal_schemas.envelope import now_us

_POLL_SECONDS = 1.0


class Lease:
    """The right to work for a broker under a client id."""

    def __init__(self, runtime: Runtime, client_id: str, *, seconds: float) -> None:
        self._store = runtime.store
        wakeups = runtime.database.wakeups
        self._holder = wakeups.member
        self._folder = wakeups.directory
        self._alone = runtime.store is runtime.database
        self._name = f"lease/{client_id}"
        self._seconds = seconds

    async def acquire(self) -> bool:
        """Whether the work is ours from now on, for as long as it is renewed."""
        return await self._store.write(self._take)

    async def wait(self) -> None:
        """Wait until it is ours."""
        while not await self.acquire():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(_POLL_SECONDS)

    async def keep(self) -> None:
        """Renew it for ever.

        Raises:
            LeaseLost: another one has it.
            StoreUnavailable: it could not be renewed.
        """
        while True:
            await asyncio.sleep(self._seconds / 3)
            if not await self.acquire():
                raise LeaseLost("another bridge has taken over")

    async def release(self) -> None:
        """Let the next one have it at once."""

        def give(connection: Connection) -> None:
            if lease_holder(connection, self._name) == self._holder:
                put_rows(connection, {self._name: orjson.dumps({"holder": "", "until": 0})})

        await self._store.write(give)

    def held(self) -> LeaseHeld:
        """An effect that fails with :class:`LeaseLost`, and its transaction with it, when the
        lease is another's."""
        return LeaseHeld(self._name, self._holder)

    def _take(self, connection: Connection) -> bool:
        row = get_row(connection, self._name)
        if row is not None:
            held = orjson.loads(row)
            left = held["until"] - now_us()
            # more than was ever given out: the clock was set back
            others = held["holder"] != self._holder and 0 < left <= 2e6 * self._seconds
            if others and not self._is_dead(held["holder"]):
                return False
        until = now_us() + int(self._seconds * 1e6)
        put_rows(connection, {self._name: orjson.dumps({"holder": self._holder, "until": until})})
        return True

    def _is_dead(self, holder: str) -> bool:
        """A process of this data folder can be seen to be dead; of another machine's, nothing can
        be seen but that it no longer renews."""
        ours = self._alone or (self._folder / holder).exists()
        return ours and not process_alive(self._folder, holder)
