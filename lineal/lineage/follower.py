"""Copies the lineage topic into the ledger; one worker of the group does it.

For buses that share no transaction with the store. The group is an ordinary one: its lag is that of
the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

import structlog

from lineal.bus.marks import Marks
from lineal.bus.protocol import (
    AssignmentLost,
    Batch,
    Bus,
    Delivery,
    Position,
    Selection,
    Subscription,
)
from lineal.effects.effect import has_program_types
from lineal.errors import BusUnavailable, StoreUnavailable
from lineal.lineage.follower_process import apply_in_process
from lineal.lineage.topic import (
    LEDGER_GROUP,
    LINEAGE_TOPIC,
    Applied,
    Message,
    apply_messages,
    lineage_event,
    unmarked_record,
)
from lineal.store.connection import Connection, Store
from lineal.store.memo import warn_nondeterministic
from lineal.store.positions import PositionConflict, position_of
from lineal.workers.errors import WorkerCrashed, WorkerTimeout
from lineal.workers.pool import WorkerPool

log = structlog.get_logger(__name__)

_MAX_MESSAGES = 64
_FETCH_SECONDS = 1.0
_APPLY_SECONDS = 600.0
_PAUSE_SECONDS = 1.0
_MIN_APART_SECONDS, _MAX_APART_SECONDS = 0.1, 0.4
_TIMES_APART = 4
"""Between the beginnings of two writes lies so many times what the last one took: under load, few
large ones, which change each page of the indexes once, cost a fifth less than many."""
_HELP_AFTER_SECONDS = 0.5
"""More than lies between two writes under load."""
_POLL_SECONDS = 0.01
_PASSING = (
    AssignmentLost, BusUnavailable, StoreUnavailable, PositionConflict, WorkerCrashed,
    WorkerTimeout, OSError,
)  # fmt: skip
"""Transient errors, after which the follower goes on."""


class LedgerFollower:
    """A member of the group; applies what it fetches in a process of its own, unless the program
    has effects that no installed package brings."""

    def __init__(self, bus: Bus, store: Store, marks: Marks | None = None) -> None:
        self._bus = bus
        self._store = store
        self._marks = marks
        self._source = _source(bus)
        self._subscription: Subscription | None = None
        self._pool: WorkerPool | None = None
        self._following: asyncio.Task[None] | None = None
        self._revoked = False
        self._aligned = False
        """What is fetched follows what the store has."""
        self._failure: str | None = None

    @property
    def problem(self) -> str | None:
        """Why what is committed does not reach the store; None when all is well."""
        if self._following is not None and self._following.done():
            return "the ledger: its follower has ended"
        return self._failure and f"the ledger: {self._failure}"

    async def open(self) -> None:
        """Join the group.

        Raises:
            BusUnavailable
        """
        self._subscription = await self._bus.subscribe(
            LEDGER_GROUP, [LINEAGE_TOPIC], on_revoking=self._on_revoking
        )
        follow = self._follow(self._subscription)
        self._following = asyncio.create_task(follow, name="ledger follower")
        if self._marks is not None:
            await _note_first_mark(self._bus, self._store)

    async def close(self) -> None:
        """Leave it."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self._subscription is not None:
            await self._subscription.close()
        await self._close_pool()

    def _on_revoking(self, partitions: Collection[tuple[str, int]]) -> None:
        self._revoked = True
        self._aligned = False

    async def _follow(self, subscription: Subscription) -> None:
        loop = asyncio.get_running_loop()
        next_write = loop.time()
        while True:
            deliveries: list[Delivery] = []
            try:
                deliveries = await subscription.fetch(_MAX_MESSAGES, _FETCH_SECONDS)
                while (left := next_write - loop.time()) > 0 and len(deliveries) < _MAX_MESSAGES:
                    deliveries += await subscription.fetch(_MAX_MESSAGES - len(deliveries), left)
                if self._revoked and not deliveries:
                    self._revoked = False
                    await self._close_pool()
                if not deliveries:
                    self._failure = None
                    continue
                if not self._aligned:
                    await self._align(deliveries[0])
                begun = loop.time()
                _report(await self._apply(await self._messages(deliveries)))
                apart = max(_MIN_APART_SECONDS, _TIMES_APART * (loop.time() - begun))
                next_write = begun + min(apart, _MAX_APART_SECONDS)
                await subscription.commit(Batch(deliveries))
                self._failure = None
                continue
            except _PASSING as error:
                self._failure = str(error)
                log.warning("ledger.write_failed", error=str(error))
            except Exception as error:
                self._failure = repr(error)
                log.exception("ledger.follower_failed")
            self._aligned = False
            subscription.release(deliveries)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _align(self, first: Delivery) -> None:
        """Apply what lies between the store's position and the group's: a store that is new or was
        restored is behind the group."""
        position = await _position(self._store, self._source)
        if position < (end := first.position.offset):
            selection = Selection(from_offset=position, to_offset=end)
            await _apply_here(self._bus, self._store, self._source, selection, self._marks)
        self._aligned = True

    async def _apply(self, messages: Sequence[Message]) -> Applied:
        if has_program_types():  # which another process could not read
            return await self._store.write(partial(_apply_in, self._source, messages))
        if self._pool is None:
            self._pool = WorkerPool(1)
            self._pool.start()
        return await self._pool.run(
            apply_in_process, self._store.opener, self._source, messages, seconds=_APPLY_SECONDS
        )

    async def _messages(self, deliveries: Sequence[Delivery]) -> list[Message]:
        return await _messages(self._store, self._source, deliveries, self._marks)

    async def _close_pool(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()


async def flush_ledger(
    bus: Bus, store: Store, seconds: float = 60.0, *, marks: Marks | None = None
) -> None:
    """Wait until the store has everything that was committed to the topic before this call; apply
    it here if no other follower seems to run.

    Raises:
        BusUnavailable: it took longer than ``seconds``.
    """
    # What stands before a mark is in the store when the mark has been passed.
    source = _source(bus)
    mark = await _note_first_mark(bus, store)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    last, moved = -1, loop.time()
    while (position := await _position(store, source)) <= mark.offset:
        if position != last:
            last, moved = position, loop.time()
        if loop.time() > deadline:
            raise BusUnavailable(
                f"the ledger has {mark.offset - position} offsets of {LINEAGE_TOPIC} to write yet"
            )
        if loop.time() - moved > _HELP_AFTER_SECONDS:
            try:
                async with asyncio.timeout_at(deadline):
                    await _apply_here(bus, store, source, Selection(
                        from_offset=position, to_offset=mark.offset + 1
                    ), marks)  # fmt: skip
            except TimeoutError:
                continue
        await asyncio.sleep(_POLL_SECONDS)


async def _note_first_mark(bus: Bus, store: Store) -> Position:
    """Publish a mark of the present, and note it as where marked messages begin if none was noted
    before: those of an earlier lineal had no marks."""
    (mark,) = await bus.publish([(LINEAGE_TOPIC, lineage_event(b""))])
    source = f"marks:{_source(bus)}"
    await store.write(
        lambda connection: (
            connection.execute(
                "INSERT INTO ledger_positions (source, position) VALUES (?, ?) "
                "ON CONFLICT DO NOTHING",
                (source, mark.offset),
            ).rowcount
        )
    )
    return mark


async def _apply_here(
    bus: Bus, store: Store, source: str, selection: Selection, marks: Marks | None
) -> None:
    deliveries: list[Delivery] = []
    async for delivery in bus.read(LINEAGE_TOPIC, selection):
        deliveries.append(delivery)
        if len(deliveries) == _MAX_MESSAGES:
            await _write(store, source, deliveries, marks)
            deliveries = []
    if deliveries:
        await _write(store, source, deliveries, marks)


async def _write(
    store: Store, source: str, deliveries: Sequence[Delivery], marks: Marks | None
) -> None:
    messages = await _messages(store, source, deliveries, marks)
    while True:
        try:
            _report(await store.write(partial(_apply_in, source, messages)))
            return
        except PositionConflict:
            continue


def _apply_in(source: str, messages: Sequence[Message], connection: Connection) -> Applied:
    return apply_messages(connection, source, messages)


async def _messages(
    store: Store, source: str, deliveries: Sequence[Delivery], marks: Marks | None
) -> list[Message]:
    """What is to be applied; of what somebody else wrote to the topic, a record of that."""
    # Of older versions they are no CloudEvents; the bus brings their bytes all the same.
    messages = [
        Message(item.position.offset, item.event.data, item.event.time) for item in deliveries
    ]
    if marks is None:
        return messages
    first = await _position(store, f"marks:{source}")
    for place, delivery in enumerate(deliveries):
        offset = delivery.position.offset
        if offset >= first and not await marks.check(delivery.event):
            log.error("ledger.unmarked_message", offset=offset, bytes=len(delivery.event.data))
            messages[place] = Message(offset, unmarked_record(offset, delivery.event.data))
    return messages


def _source(bus: Bus) -> str:
    return f"{bus.identity}{LINEAGE_TOPIC}"


async def _position(store: Store, source: str) -> int:
    return await store.read(lambda connection: position_of(connection, source))


def _report(applied: Applied) -> None:
    for offset, problem in applied.unreadable:
        log.error("ledger.unreadable_message", offset=offset, error=problem)
    for offset in applied.replayed:
        log.error("ledger.replayed_message", offset=offset)
    warn_nondeterministic(applied.changed)
