"""A worker of a group on SQS.

SQS hands out up to ten messages of a group (a key) at once and nothing more of it until they are
gone. The first of a key is handed on when it comes; those behind it only while there is as much
room left for other keys, so that slow keys cannot take all of it. When a message is lost, those of
its key that follow it go back with it: they must not overtake it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from lineal.bus.aws import inbox
from lineal.bus.aws.custody import Custody, Held, new_attempt
from lineal.bus.protocol import Delivery, Position, Settlement
from lineal.bus.store_part import apply_to_store
from lineal.errors import BusUnavailable
from lineal.store.connection import Connection

if TYPE_CHECKING:
    from lineal.bus.aws.bus import AwsBus

log = structlog.get_logger(__name__)

_MOST_RECEIVES = 16
"""Requests for messages under way at once; one while nothing comes."""
_MOST_HELD = 4096
"""Messages in memory, those included that wait behind the first of their key."""
_CLOSE_SECONDS = 2.0
_RETRY_SECONDS = 1.0


@dataclass(slots=True)
class _Key:
    """The messages of one message group, in order: all ``out`` before all ``waiting``."""

    out: list[Held] = field(default_factory=list)
    """Handed on, and neither settled nor released."""
    waiting: deque[Held] = field(default_factory=deque)


class AwsSubscription:
    """See :class:`lineal.bus.protocol.Subscription`."""

    def __init__(
        self,
        bus: AwsBus,
        group: str,
        url: str,
        topics: tuple[str, ...],
        *,
        visibility_seconds: int,
        wait_seconds: int,
        on_closed: Callable[[AwsSubscription], None],
    ) -> None:
        self._bus = bus
        self.group = group
        self.topics = topics
        self._on_closed = on_closed
        self._custody = Custody(
            bus.aws,
            url,
            topics,
            visibility_seconds=visibility_seconds,
            wait_seconds=wait_seconds,
            lost=self._lose,
        )
        self._wait_seconds = wait_seconds
        self._keys: dict[str, _Key] = {}
        self._ready: dict[str, None] = {}
        """Keys with a message waiting and none out, in the order in which they became so."""
        self._behind: dict[str, None] = {}
        """Keys with messages waiting behind one that is out."""
        self._busy: set[str] = set()
        """Keys with a message out."""
        self._out: dict[tuple[Position, int], Held] = {}
        self._receiving: dict[asyncio.Task[None], str] = {}
        self._wanted = 1
        self._changed = asyncio.Event()
        self._closed = False
        self.problem: str | None = None
        """Why no messages can be received; None when all is well."""

    def open(self) -> None:
        self._custody.open()

    def on_revoked(self, callback: Callable[[Collection[tuple[str, int]]], None]) -> None:
        """Nothing is dealt out that could be taken back: keys go to who asks."""

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._changed.clear()
                    batch = self._hand_out(limit)
                    self._receive_more(limit - len(batch))
                    if batch:
                        return batch
                    await self._changed.wait()
        except TimeoutError:
            return []

    def _hand_out(self, limit: int) -> list[Delivery]:
        batch: list[Delivery] = []
        while self._ready and len(batch) < limit:
            batch.append(self._hand_on(next(iter(self._ready))))
        while self._behind and len(self._out) - len(self._busy) < limit - len(batch):
            batch.append(self._hand_on(next(iter(self._behind))))
        return batch

    def _hand_on(self, name: str) -> Delivery:
        key = self._keys[name]
        self._ready.pop(name, None)
        self._behind.pop(name, None)
        held = key.waiting.popleft()
        key.out.append(held)
        if key.waiting:
            self._behind[name] = None
        self._busy.add(name)
        message = held.message
        delivery = Delivery(message.position, message.event, held.generation)
        self._out[delivery.position, delivery.generation] = held
        return delivery

    def _receive_more(self, room: int) -> None:
        """Ask for as many messages as there is room for: a message may bring nine of its key."""
        if self._closed:
            return
        if len(self._custody) >= _MOST_HELD:
            self._make_room()
        room -= len(self._ready)
        while (
            room > 0
            and len(self._receiving) < self._wanted
            and len(self._receiving) * 10 < room + 9
            and len(self._custody) < _MOST_HELD
        ):
            attempt = new_attempt()
            task = asyncio.create_task(self._receive(attempt))
            self._receiving[task] = attempt
            task.add_done_callback(self._received)

    def _received(self, task: asyncio.Task[None]) -> None:
        self._receiving.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("aws.cannot_receive", group=self.group, exc_info=error)
        self._changed.set()

    async def _receive(self, attempt: str) -> None:
        try:
            fresh = await self._custody.receive(attempt)
        except Exception as error:
            self._wanted = 1
            if not self._closed:
                self.problem = f"group {self.group}: {error}"
                log.warning("aws.cannot_receive", group=self.group, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            return
        self.problem = None
        self._wanted = min(2 * self._wanted, _MOST_RECEIVES) if fresh else 1
        if fresh:
            await self._take(fresh)

    async def _take(self, fresh: Sequence[Held]) -> None:
        publications = [held.message.publication for held in fresh]
        try:
            done = await self._bus.store.read(
                lambda connection: inbox.handled(connection, self.group, publications)
            )
        except Exception as error:
            log.warning("aws.cannot_ask_inbox", group=self.group, error=repr(error))
            # Settling asks again, and is what decides.
            done = set()
        again = [held for held in fresh if held.message.publication in done]
        if again:
            log.info("aws.handled_already", group=self.group, messages=len(again))
            self._custody.delete(again)
        for held in fresh:
            if held.message.publication in done:
                continue
            name = held.message.group
            key = self._keys.setdefault(name, _Key())
            key.waiting.append(held)
            (self._behind if key.out else self._ready)[name] = None
        self._changed.set()

    def _make_room(self) -> None:
        """Give back what waits behind a message at work: keys that are slow must not keep others
        from being received at all."""
        behind: list[Held] = []
        for name in self._behind:
            behind += self._keys[name].waiting
            self._keys[name].waiting.clear()
        self._behind.clear()
        self._custody.give_back(behind)

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        held: list[tuple[Settlement, Held]] = []
        lost: list[Settlement] = []
        for settlement in settlements:
            item = self._find(settlement.delivery)
            if item is None:
                lost.append(settlement)
            elif not item.ours:
                self._lose([item])
                lost.append(settlement)
            else:
                held.append((settlement, item))
        if not held:
            return lost
        placed = await self._bus.publish_outputs(
            [(settlement, item.message.nonce) for settlement, item in held]
        )
        by_publication = {item.message.publication: s for s, item in held}
        ledger = self._bus.ledger

        def apply(connection: Connection) -> set[str]:
            entered = inbox.enter(connection, self.group, list(by_publication))
            valid = [s for publication, s in by_publication.items() if publication in entered]
            apply_to_store(connection, ledger, valid)
            inbox.keep_dead_letters(connection, placed)
            return entered

        entered = await self._bus.store.write(apply)
        for settlement, item in held:
            if (
                item.message.publication not in entered
                or by_publication[item.message.publication] is not settlement
            ):
                # Another worker was first; this one's message is not needed any more either way.
                lost.append(settlement)
            self._done(item)
        self._custody.delete([item for _, item in held])
        return lost

    def release(self, deliveries: Sequence[Delivery]) -> None:
        released = [self._find(delivery) for delivery in deliveries]
        self._give_back([item for item in released if item is not None])

    def _find(self, delivery: Delivery) -> Held | None:
        return self._out.get((delivery.position, delivery.generation))

    def _done(self, item: Held) -> None:
        name = item.message.group
        key = self._keys.get(name)
        if key is None or item not in key.out:
            return
        self._take_out(key, [item])
        self._look_at(name, key)

    def _lose(self, items: Sequence[Held]) -> None:
        """Messages are not ours any more."""
        self._give_back(items)

    def _give_back(self, items: Sequence[Held]) -> None:
        """Give back messages and all that follow them in their keys."""
        back: list[Held] = []
        for item in items:
            name = item.message.group
            key = self._keys.get(name)
            if key is None:
                continue
            if item in key.out:
                following = key.out[key.out.index(item) :]
                self._take_out(key, following)
                back += following
            elif item not in key.waiting:
                continue
            # What waits behind a message that is out stands behind all that are out.
            back += key.waiting
            key.waiting.clear()
            self._look_at(name, key)
        self._custody.give_back(back)

    def _take_out(self, key: _Key, items: Sequence[Held]) -> None:
        for item in items:
            key.out.remove(item)
            self._out.pop((item.message.position, item.generation), None)

    def _look_at(self, name: str, key: _Key) -> None:
        """Note anew what may be handed on of a key."""
        self._ready.pop(name, None)
        if not key.out:
            self._busy.discard(name)
            self._behind.pop(name, None)
            if key.waiting:
                self._ready[name] = None
            else:
                del self._keys[name]
        elif not key.waiting:
            self._behind.pop(name, None)
        self._changed.set()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        receiving = dict(self._receiving)
        if receiving:
            await asyncio.wait(set(receiving), timeout=min(_CLOSE_SECONDS, self._wait_seconds + 1))
        for task, attempt in receiving.items():
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await self._receive_lost(attempt)
        await self._custody.close()
        self._on_closed(self)
        await self._bus.leave(self.group)

    async def _receive_lost(self, attempt: str) -> None:
        """Whatever the answer to an abandoned receive had, it is not to stay hidden."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._custody.receive(attempt, wait_seconds=0)
        except (BusUnavailable, TimeoutError, LookupError, ValueError) as error:
            log.info("aws.left_hidden", group=self.group, error=str(error))
