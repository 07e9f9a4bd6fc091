"""Posts events of chosen types as long as a daemon runs, each endpoint as a group of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, wait_exponential_jitter

from lineal.bus.claim_check import check_out
from lineal.bus.erased_event import ERASED
from lineal.bus.protocol import Batch, Delivery
from lineal.errors import LinealError, ObjectMissing
from lineal.events import known_types
from lineal.events_on_topic import admitted
from lineal.observability.tracing import child_traceparent
from lineal.producers import Producer
from lineal_producers.notifications.sending import NotDelivered, post_signed
from lineal_producers.webhooks.settings import EndpointSettings, WebhooksSettings
from lineal_schemas.envelope import RawEvent, caused_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.webhooks import WebhookSent

if TYPE_CHECKING:
    from lineal.runtime import Runtime

log = structlog.get_logger(__name__)

_SOURCE = "lineal:webhooks"
_FIRST_SECONDS = 0.5
_PAUSE_SECONDS = 5.0
_FETCH_SECONDS = 5.0
_FETCH_LIMIT = 20
_MEDIA_TYPE = "application/cloudevents+json"


class WebhookSender:
    """Posts the events of one endpoint, one after another.

    An event that its receiver rejects (4xx), or has not taken after all attempts, is on record as
    not delivered, and the next one follows. What was not posted when a daemon ends is posted by the
    next one; an event may come twice, always with the same ``webhook-id``.

    Args:
        first_seconds: the pause before a second attempt; it doubles.
    """

    def __init__(
        self,
        runtime: Runtime,
        name: str,
        endpoint: EndpointSettings,
        *,
        first_seconds: float = _FIRST_SECONDS,
    ) -> None:
        self._runtime = runtime
        self._name = name
        self._endpoint = endpoint
        self._first_seconds = first_seconds
        self.problem: str | None = None

    async def run(self) -> None:
        while True:
            try:
                await self._post_all()
            except LinealError as error:
                self.problem = f"webhook {self._name}: {error}"
                log.warning("webhooks.failed", webhook=self._name, error=repr(error))
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _post_all(self) -> None:
        bus = self._runtime.bus
        known = {*known_types(), *(one.topic for one in await bus.topics())}
        unknown = self._endpoint.unknown_types(known)
        if unknown:
            log.warning("webhooks.unknown_types", webhook=self._name, types=unknown)
        exact = {one for one in self._endpoint.types if "*" not in one}
        topics = sorted({name for name in known if self._endpoint.takes(name)} | exact)
        for topic in (*topics, WebhookSent.type):
            await bus.create_topic(topic)
        # A new endpoint begins with what comes from now on.
        subscription = await bus.subscribe(f"webhook.{self._name}", topics, start="now")
        commit = self._runtime.committer.commit_of(subscription)
        try:
            while True:
                for delivery in await subscription.fetch(_FETCH_LIMIT, _FETCH_SECONDS):
                    sent = await self._post(delivery)
                    outputs = [] if sent is None else [(sent.type, sent)]
                    await commit(Batch(acks=[delivery], outputs=outputs))
        finally:
            await subscription.close()

    async def _post(self, delivery: Delivery) -> RawEvent | None:
        """What became of an event; None: it was erased, or somebody else has written it to the
        broker."""
        if delivery.event.type == ERASED:
            return None
        ours = await admitted(self._runtime, delivery)
        if ours is None:
            return None
        try:
            event = await check_out(ours.event, self._runtime.objects)
        except ObjectMissing:
            return None  # erased since
        attempts, problem = await self._attempt(event)
        self.problem = None if problem is None else f"webhook {self._name}: {problem}"
        sent = WebhookSent(
            webhook=self._name, event=event.id, event_type=event.type, attempts=attempts,
            delivered=problem is None, error=problem, sent_us=now_us(),
        )  # fmt: skip
        identifier = arrival_id(_SOURCE, self._name, event.id)
        return caused_event(
            sent, event, id=identifier, source=_SOURCE, time=sent.sent_us,
            traceparent=child_traceparent(event.traceparent, event.correlationid, identifier),
        )  # fmt: skip

    async def _attempt(self, event: RawEvent) -> tuple[int, str | None]:
        """How often it was tried, and why it was not delivered."""

        def again(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome is not None else None
            if isinstance(error, NotDelivered) and not error.for_good:
                self.problem = f"webhook {self._name}: {error}"
                return True
            return False

        endpoint, body, attempts = self._endpoint, event.to_json(), 0
        retrying = AsyncRetrying(
            stop=stop_after_attempt(endpoint.attempts),
            wait=wait_exponential_jitter(
                multiplier=self._first_seconds, max=endpoint.max_pause_seconds, jitter=0.1
            ),
            retry=again,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    attempts = attempt.retry_state.attempt_number
                    await asyncio.to_thread(
                        post_signed, endpoint, event.id, body, endpoint.timeout_seconds,
                        sent_us=now_us(), media_type=_MEDIA_TYPE,
                    )  # fmt: skip
        except NotDelivered as error:
            return attempts, str(error)
        return attempts, None


class WebhookSenders:
    """Posts the events of all endpoints, side by side."""

    standing_by = False
    """Workers of a group share its events; nobody waits for another process."""

    def __init__(self, senders: list[WebhookSender]) -> None:
        self._senders = senders

    @property
    def problem(self) -> str | None:
        found = [one.problem for one in self._senders if one.problem is not None]
        return "; ".join(found) or None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for one in self._senders:
                group.create_task(one.run())


def _producer(runtime: Runtime) -> WebhookSenders:
    endpoints = runtime.settings.section(WebhooksSettings).endpoints
    return WebhookSenders([WebhookSender(runtime, *one) for one in sorted(endpoints.items())])


WEBHOOKS = Producer(
    "webhooks",
    "webhooks",
    _producer,
    lambda settings: bool(settings.section(WebhooksSettings).endpoints),
)
