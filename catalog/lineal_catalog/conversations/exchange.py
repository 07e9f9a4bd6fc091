"""``Exchange``: says something for a person, and gives the replies that are theirs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import NamedTuple
from uuid import uuid4

import structlog

from lineal.access.credential import Credential
from lineal.admission import AdmissionPolicy, admit, publish
from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Selection
from lineal.errors import LinealError
from lineal.events_on_topic import read_admitted
from lineal.runtime import Runtime
from lineal_schemas.conversations import UtteranceReceived, UtteranceReplied
from lineal_schemas.envelope import decode_payload, first_event, now_us

log = structlog.get_logger(__name__)

SOURCE = "lineal:talk"
_POLICY = AdmissionPolicy(
    name="talk", types=frozenset((UtteranceReceived.type,)), own_types=False, bounded=False
)
_DAY_US = 86_400_000_000
_MAX_PEOPLE = 10_000
_MAX_REPLIES = 50
"""Of one person, what is kept to be asked for."""
_PAUSE_SECONDS = 1.0


class NoReply(LinealError, TimeoutError):
    """Nothing has replied to an utterance in time; it is handled when a stage runs."""


class Reply(NamedTuple):
    """A reply, and when it was made."""

    time_us: int
    message: UtteranceReplied


class Exchange:
    """Follows all replies, from a day ago on, and knows whose they are."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        """By the id of the utterance."""
        self._replies: OrderedDict[tuple[str, str], deque[Reply]] = OrderedDict()
        self._following: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()

    async def send(self, utterance: UtteranceReceived, by: Credential, seconds: float) -> Reply:
        """Say something, and wait for the reply.

        Args:
            by: who sends it. One who may represent others may speak for them, as a gateway does.
            seconds: how long to wait at most.

        Raises:
            NotPermitted: they may not talk, or not for this person.
            NoReply: nothing replied in time.
        """
        by.require("read")
        if utterance.person != by.actor:
            by.require("represent")
        await self._follow_replies()
        event = admit(
            first_event(utterance, id=str(uuid4()), source=SOURCE), _POLICY, actor=by.actor
        )
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[event.id] = future
        try:
            await publish(self._runtime.bus, self._runtime.objects, [(event.type, event)])
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise NoReply(
                f"no reply came within {seconds:g} s: does `lineal run conversation` run? "
                "What was said is kept, and replied to then"
            ) from None
        finally:
            del self._waiting[event.id]

    async def replies(self, dialogue: str, person: str, after_us: int) -> list[Reply]:
        """What a person was told after a time, of the last day."""
        await self._follow_replies()
        kept = self._replies.get((dialogue, person), ())
        return [reply for reply in kept if reply.time_us > after_us]

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _follow_replies(self) -> None:
        if self._following is None or self._following.done():
            await self._runtime.bus.create_topic(UtteranceReplied.type)
            self._begun.clear()
            self._following = asyncio.create_task(self._follow(), name="conversation replies")
        begun = asyncio.create_task(self._begun.wait())
        await asyncio.wait({begun, self._following}, return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            begun.cancel()
            self._following.result()

    async def _follow(self) -> None:
        topic, runtime = UtteranceReplied.type, self._runtime
        from_us = now_us() - _DAY_US
        while True:
            try:
                selection = Selection(from_time=from_us)
                async for delivery in read_admitted(
                    runtime, topic, selection, follow=True, begun=self._begun.set
                ):
                    event = await check_out(delivery.event, runtime.objects)
                    payload = decode_payload(event)
                    if isinstance(payload, UtteranceReplied):
                        self._keep(Reply(event.time, payload), event.causationid)
                        from_us = max(from_us, event.time)
            except LinealError as error:
                if not self._begun.is_set():
                    raise
                log.warning("conversation.replies_not_read", error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)

    def _keep(self, reply: Reply, cause: str | None) -> None:
        key = (reply.message.dialogue, reply.message.person)
        kept = self._replies.setdefault(key, deque(maxlen=_MAX_REPLIES))
        if reply not in kept:
            kept.append(reply)
        self._replies.move_to_end(key)
        while len(self._replies) > _MAX_PEOPLE:
            self._replies.popitem(last=False)
        future = self._waiting.get(cause or "")
        if future is not None and not future.done():
            future.set_result(reply)
