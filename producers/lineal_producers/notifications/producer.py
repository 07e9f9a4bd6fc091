"""Looks at the rules as long as a daemon runs, and sends what is due; one process does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, wait_exponential_jitter

from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.errors import LinealError
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent
from lineal.producers import Producer
from lineal_catalog.notifications.projection import KIND, ROLE, last_notifications
from lineal_producers.exclusive_watches import ExclusiveWatch, ExclusiveWatches
from lineal_producers.notifications.conditions import Found, find
from lineal_producers.notifications.page_url import page_url
from lineal_producers.notifications.sending import NotDelivered, Send, mail, post
from lineal_producers.notifications.settings import NotificationRule, NotificationSettings
from lineal_producers.process_lock import ProcessLock
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.notifications import (
    NotificationChannel,
    NotificationSent,
    NotificationState,
)
from lineal_schemas.payload import payload_bytes

if TYPE_CHECKING:
    from lineal.runtime import Runtime

log = structlog.get_logger(__name__)

_ACTOR = "process:notifications"
_SOURCE = "lineal:notifications"
_AGAIN_US = 600 * 1_000_000
"""After so long what could not be delivered is tried again."""
_FIRST_SECONDS = 0.5
_MAX_SECONDS = 30.0


class Due(NamedTuple):
    """Something that is to be sent."""

    rule: str
    found: Found
    state: NotificationState
    channel: NotificationChannel


class NotificationWatch:
    """Looks at all rules, again and again.

    Args:
        first_seconds: the pause before a second attempt of a sending; it doubles.
    """

    def __init__(self, runtime: Runtime, *, first_seconds: float = _FIRST_SECONDS) -> None:
        self._runtime = runtime
        self._settings = runtime.settings.section(NotificationSettings)
        self._first_seconds = first_seconds
        self._channels = _channels(self._settings)
        self.problem: str | None = None

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except LinealError as error:
                self.problem = f"notifications: {error}"
                log.warning("notifications.failed", error=repr(error))
            await asyncio.sleep(self._settings.every_seconds)

    async def look(self) -> list[NotificationSent]:
        """Look at all rules once, and send what is due; returns what was sent, or could not be."""
        await self._runtime.flush_ledger()
        last = await self._runtime.store.read(last_notifications)
        now = now_us()
        sent = []
        for name, rule in self._settings.rules_in_force.items():
            found = await find(self._runtime, rule)
            known = [item for item in last if item.rule == name]
            for due in due_of(name, rule, found, known, now, self._channels):
                sent.append(await self._send(rule, due))
        failed = [item for item in sent if not item.delivered]
        self.problem = None
        if failed:
            self.problem = f"{len(failed)} notifications were not delivered: {failed[0].error}"
        return sent

    async def _send(self, rule: NotificationRule, due: Due) -> NotificationSent:
        text = due.found.text if due.state == "firing" else f"over: {due.found.text}"
        notification = NotificationSent(
            rule=due.rule, condition=rule.condition, key=due.found.key, state=due.state,
            channel=due.channel, value=due.found.value, limit=rule.limit, text=text, attempts=1,
            delivered=True, sent_us=now_us(),
            url=page_url(self._runtime.settings, due.found.page),
        )  # fmt: skip
        identifier = arrival_id(_SOURCE, due.rule, str(uuid4()))
        attempts, problem = await self._deliver(due.channel, identifier, notification)
        notification = notification.model_copy(
            update={"attempts": attempts, "delivered": problem is None, "error": problem}
        )
        await _record(self._runtime, identifier, notification)
        return notification

    async def _deliver(
        self, channel: NotificationChannel, identifier: str, notification: NotificationSent
    ) -> tuple[int, str | None]:
        """How often it was tried, and why it was not delivered."""
        send = self._channels[channel]

        def last(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome is not None else None
            return isinstance(error, NotDelivered) and not error.for_good

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_exponential_jitter(
                multiplier=self._first_seconds, max=_MAX_SECONDS, jitter=0.1
            ),
            retry=last,
            reraise=True,
        )
        attempts = 0
        try:
            async for attempt in retrying:
                with attempt:
                    attempts = attempt.retry_state.attempt_number
                    await asyncio.to_thread(
                        send, identifier, notification, self._settings.timeout_seconds
                    )
        except NotDelivered as error:
            return attempts, str(error)
        return attempts, None


def due_of(
    name: str,
    rule: NotificationRule,
    found: Iterable[Found],
    last: Iterable[NotificationSent],
    now: int,
    channels: Iterable[NotificationChannel],
) -> list[Due]:
    """What is to be sent for a rule.

    What is found is said once, and again while it lasts; that it is over is said to whom it was
    said before.

    Args:
        last: of each key and channel, what was sent last.
        now: microseconds since the Unix epoch.
    """
    known = {(item.key, item.channel): item for item in last}
    present = {item.key: item for item in found}
    due = []
    for channel in rule.channels:
        if channel not in channels:
            continue
        for key, item in present.items():
            before = known.get((key, channel))
            if before is None or before.state == "resolved":
                wait = 0
            else:
                wait = int(rule.repeat_hours * 3600 * 1e6) if before.delivered else _AGAIN_US
            if before is None or now - before.sent_us >= wait:
                due.append(Due(name, item, "firing", channel))
        for (key, of_channel), before in known.items():
            if of_channel != channel or key in present:
                continue
            undelivered = before.state == "resolved" and not before.delivered
            if (before.state == "firing" and before.delivered) or (
                undelivered and now - before.sent_us >= _AGAIN_US
            ):
                page = urlsplit(before.url).path if before.url else ""
                over = Found(key, before.value, before.text.removeprefix("over: "), page)
                due.append(Due(name, over, "resolved", channel))
    return due


async def _record(runtime: Runtime, identifier: str, sent: NotificationSent) -> None:
    """Publish that it was sent, with its record."""
    event = first_event(
        sent, id=identifier, source=_SOURCE, actor=_ACTOR,
        traceparent=first_traceparent(sent.correlation_key(), identifier),
    )  # fmt: skip
    data = payload_bytes(sent)
    entry = StepEntry(
        sent.correlation_key(), sent.sent_us, kind=KIND, events_out=(identifier,),
        outputs=(Artifact(digest(data), "application/json", len(data), ROLE),),
        attributes={"rule": sent.rule, "state": sent.state, "channel": sent.channel,
                    "delivered": int(sent.delivered)},
    )  # fmt: skip
    record = record_of(entry, build=None, actor=_ACTOR, worker=this_worker())
    await runtime.committer.publish(
        [(event.type, event)], [ObjectPut(data), *lineage_records([record])]
    )
    await runtime.flush_ledger()


def _channels(settings: NotificationSettings) -> Mapping[NotificationChannel, Send]:
    found: dict[NotificationChannel, Send] = {}
    if settings.webhook is not None:
        found["webhook"] = partial(post, settings.webhook)
    if settings.mail is not None:
        found["mail"] = partial(mail, settings.mail)
    return found


def _producer(runtime: Runtime) -> ExclusiveWatches:
    lock = ProcessLock(runtime.settings.data / "notifications.lock")
    return ExclusiveWatches([ExclusiveWatch("notifications", NotificationWatch(runtime), lock)])


NOTIFICATIONS = Producer(
    "notifications",
    "notifications",
    _producer,
    lambda settings: bool(_channels(settings.section(NotificationSettings))),
)
