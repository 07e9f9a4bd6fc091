"""Waits for the event that answers a request, or says that it failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar, cast

import structlog

from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Selection
from lineal.concurrency import gather_all
from lineal.errors import LinealError, Reject
from lineal.events_on_topic import read_admitted
from lineal.lineage.ledger import steps_of_event
from lineal.registry.events import decode_foreign
from lineal.runtime import Runtime
from lineal_schemas.envelope import RawEvent, decode_payload
from lineal_schemas.failures import EventFailed
from lineal_schemas.payload import Payload

P = TypeVar("P", bound=Payload)

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 1.0
_LOOK_SECONDS = 0.5


class NoReply(LinealError, TimeoutError):
    """Nothing has answered a request in time."""


class RequestFailed(LinealError):
    """A group that makes replies has given the request up: it is a dead letter of that group."""

    def __init__(self, failed: EventFailed) -> None:
        why = failed.error_class if failed.reason is None else failed.reason
        rejected = "rejected" if failed.error_class == Reject.__name__ else "gave up"
        letter = failed.dead_letter
        super().__init__(
            f"{failed.group} {rejected} the request: {why} (`lineal dead show {letter}`)"
        )
        self.group = failed.group
        self.error_class = failed.error_class
        self.reason = failed.reason
        """Of a ``Reject`` its text; None where it may hold personal data: the dead letter has
        it."""
        self.dead_letter = letter
        """Its id."""


class RequestSkipped(LinealError):
    """All groups that make such replies have skipped the request: nothing will answer it."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        why = "; ".join(f"{group}: {reason}" for group, reason in sorted(reasons.items()))
        super().__init__(f"there is nothing to do about the request ({why})")
        self.reasons = dict(reasons)
        """Why, by the group."""


class Replies:
    """Reads the topics of replies and that of failures, each once for all requests, from the first
    request on.

    Args:
        source: of the requests.
    """

    def __init__(self, runtime: Runtime, source: str) -> None:
        self._runtime = runtime
        self._source = source
        self._waiting: dict[tuple[str, str], asyncio.Future[RawEvent | EventFailed]] = {}
        """By the type of the reply and the id of the request."""
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def expect(
        self, request_id: str, reply: type[P], makers: Collection[str] = ()
    ) -> AsyncIterator[Callable[[float], Awaitable[P]]]:
        """Begin to look for the reply of a request that is published then. Gives a function that
        waits for it, at most so many seconds.

        Args:
            makers: the stages that make such replies of such requests, as far as they are known.
        """
        await gather_all([self._read(reply.type), self._read(EventFailed.type)])
        key = reply.type, request_id
        found = self._waiting[key] = asyncio.get_running_loop().create_future()

        async def wait(seconds: float) -> P:
            try:
                async with asyncio.timeout(seconds):
                    answer = await self._unless_skipped(found, request_id, makers)
            except TimeoutError:
                raise NoReply(
                    f"no {reply.type} came within {seconds:g} s: does a stage run that makes it? "
                    f"`lineal lineage` of its subject shows what became of event {request_id}"
                ) from None
            if isinstance(answer, EventFailed):
                raise RequestFailed(answer)
            event = await check_out(answer, self._runtime.objects)
            foreign = await decode_foreign(self._runtime.codec, event)
            return cast(P, decode_payload(event) if foreign is None else foreign)

        try:
            yield wait
        finally:
            del self._waiting[key]

    async def _unless_skipped(
        self,
        found: asyncio.Future[RawEvent | EventFailed],
        request_id: str,
        makers: Collection[str],
    ) -> RawEvent | EventFailed:
        """The answer; looks now and then whether the ledger says that none will come. A step that
        has skipped its event makes no event, but a record."""
        while makers:
            done, _ = await asyncio.wait({found}, timeout=_LOOK_SECONDS)
            if done:
                break
            await self._runtime.flush_ledger()
            steps = await self._runtime.store.read(partial(steps_of_event, event_id=request_id))
            skipped = {
                step.build.stage: step.reason or "skipped"
                for step in steps
                if step.build is not None
                and step.outcome == "skipped"
                and request_id in step.events_in
            }
            if not found.done() and all(name in skipped for name in makers):
                raise RequestSkipped({name: skipped[name] for name in makers})
        return await found

    async def _read(self, topic: str) -> None:
        if topic not in self._reading:
            # Without awaiting anything before: of requests at once each would read it.
            self._begun[topic] = asyncio.Event()
            self._reading[topic] = asyncio.create_task(self._follow(topic), name=f"replies {topic}")
        reading = self._reading[topic]
        begun = asyncio.create_task(self._begun[topic].wait())
        done, _ = await asyncio.wait({begun, reading}, return_when=asyncio.FIRST_COMPLETED)
        if begun not in done:
            begun.cancel()
            self._reading.pop(topic, None)
            reading.result()

    async def _follow(self, topic: str) -> None:
        begun, runtime = self._begun[topic], self._runtime
        await runtime.bus.create_topic(topic)
        while True:
            try:
                async for delivery in read_admitted(
                    runtime, topic, Selection(from_now=True), follow=True, begun=begun.set
                ):
                    self._take(topic, delivery.event)
            except LinealError as error:
                if not begun.is_set():
                    raise
                # Replies of meanwhile are missed: their requests end without.
                log.warning("replies.not_read", topic=topic, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)

    def _take(self, topic: str, event: RawEvent) -> None:
        if event.type != topic:
            return
        if topic != EventFailed.type:
            self._end(topic, event.causationid or "", event)
        elif any(request_id == event.causationid for _, request_id in self._waiting):
            failed = decode_payload(event)
            if isinstance(failed, EventFailed) and failed.source == self._source:
                for reply in failed.produces:
                    self._end(reply, failed.id, failed)

    def _end(self, reply: str, request_id: str, answer: RawEvent | EventFailed) -> None:
        found = self._waiting.get((reply, request_id))
        if found is not None and not found.done():
            found.set_result(answer)

    async def close(self) -> None:
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)
        self._reading.clear()
