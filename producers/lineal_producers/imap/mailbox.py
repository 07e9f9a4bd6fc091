"""Ingests the messages of one mailbox: announces each, then moves or flags it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email import policy
from email.errors import MessageError
from email.parser import BytesHeaderParser
from typing import TypeVar

import structlog

from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal.stages.retry import RetryPolicy, pause_after
from lineal_producers.arrival import Arrival, ArrivalSource, announce, readable_name, store
from lineal_producers.imap.access_tokens import AccessTokens
from lineal_producers.imap.effects import MessageIngested
from lineal_producers.imap.ingested_messages import forget_messages, ingested_messages
from lineal_producers.imap.mail_session import ConnectionEnded, MailServerError, MailSession
from lineal_producers.imap.settings import MailboxSettings
from lineal_producers.quota.usage import quota_problem
from lineal_producers.settings import ArrivalSettings

log = structlog.get_logger(__name__)

_ACTOR = "process:imap"
_MEDIA_TYPE = "message/rfc822"
_BATCH_SIZE = 50
_HEADER_BYTES = 64 << 10
_NAME_CHARACTERS = 120
_RECONNECTS = RetryPolicy(first_seconds=1.0, max_seconds=60.0)

Result = TypeVar("Result")


class MailboxWatch:
    """Takes every message of a mailbox once.

    A message's event and the note that it was taken are one transaction where bus and store share
    one; only then is it moved or flagged. A message that is noted and still there is moved without
    being announced again.

    Args:
        reconnects: how long to wait before a lost connection is opened again.
        on_arrival: called with each arrival.
    """

    def __init__(
        self,
        runtime: Runtime,
        settings: MailboxSettings,
        *,
        reconnects: RetryPolicy = _RECONNECTS,
        on_arrival: Callable[[Arrival], None] = lambda _: None,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._tokens = AccessTokens(settings.oauth) if settings.oauth else None
        self._pauses = reconnects.pauses()
        self._on_arrival = on_arrival
        self._session: MailSession | None = None
        # The connection is one conversation: whatever asks something takes its turn.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imap")
        self._failures = 0
        self.problem: str | None = None
        """What keeps messages from being taken at present."""

    async def run(self) -> None:
        """Take what comes, until cancelled; a lost connection is opened again."""
        try:
            while True:
                try:
                    await self._connected()
                except (LinealError, OSError) as error:
                    self._failures += 1
                    self.problem = f"the mailbox of {self._settings.user}: {error}"
                    log.warning("imap.interrupted", error=str(error), failures=self._failures)
                    self._close()
                    await asyncio.sleep(pause_after(error, self._failures, self._pauses))
        finally:
            self._close()
            self._thread.shutdown(wait=False)

    async def _connected(self) -> None:
        session = await self._call(self._open)
        while True:
            unread = await self._take_all(session)
            self.problem = unread
            self._failures = 0
            if session.can_idle:
                await self._call(session.wait, self._settings.poll_seconds)
            else:
                await asyncio.sleep(self._settings.poll_seconds)

    def _open(self) -> MailSession:
        self._session = MailSession(self._settings, self._tokens)
        return self._session

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    async def _call(self, function: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _take_all(self, session: MailSession) -> str | None:
        """Take what waits; returns why some of it cannot be had."""
        mailbox, uidvalidity = self._settings.url, session.uidvalidity
        problem = None
        waiting = await self._call(session.waiting)
        taken = await ingested_messages(self._runtime, mailbox, uidvalidity)
        await forget_messages(self._runtime, mailbox, uidvalidity, taken.difference(waiting))
        for begin in range(0, len(waiting), _BATCH_SIZE):
            done = []
            for uid in waiting[begin : begin + _BATCH_SIZE]:
                try:
                    if uid not in taken:
                        await self._take(session, uid)
                    done.append(uid)
                except ConnectionEnded:
                    raise
                except MailServerError as error:
                    # It stays where it is, and is tried again; the others need not wait for it.
                    problem = f"a message in the mailbox of {self._settings.user}: {error}"
                    log.warning("imap.cannot_take", uid=uid, error=str(error))
            if done:
                await self._call(session.mark_ingested, done)
        return problem

    async def _take(self, session: MailSession, uid: int) -> None:
        size = await self._call(session.size, uid)
        limit = self._settings.message_mb
        too_large = size is not None and size > limit << 20
        raw = await self._call(session.read, uid, _HEADER_BYTES if too_large else None)
        if raw is None:
            return  # its owner has deleted or moved it
        source = f"{self._settings.url};UIDVALIDITY={session.uidvalidity}/;UID={uid}"
        origin = ArrivalSource(
            name=message_name(raw),
            source=source,
            actor=_ACTOR,
            occurrence=source,
            tenant=self._runtime.settings.section(ArrivalSettings).tenant,
            owner=self._settings.owner,
            labels=self._settings.labels,
        )
        taken = MessageIngested(self._settings.url, session.uidvalidity, uid)
        problem: str | None
        if too_large:
            problem = f"the message is larger than {limit} MB: raise message_mb in lineal.toml"
        else:
            problem = await quota_problem(self._runtime, origin.owner, len(raw))
        if problem is not None:
            arrival = await announce(self._runtime, origin, problem=problem, effects=[taken])
        else:
            content = await store(self._runtime, io.BytesIO(raw), _MEDIA_TYPE)
            arrival = await announce(self._runtime, origin, content=content, effects=[taken])
        log.info("imap.ingested", document=arrival.document_id, arrival=arrival.event_id)
        self._on_arrival(arrival)


def message_name(raw: bytes) -> str:
    """The subject of a message with ``.eml``, as the name of its document."""
    try:
        subject = str(BytesHeaderParser(policy=policy.default).parsebytes(raw).get("subject", ""))
    except (MessageError, ValueError, LookupError, IndexError, TypeError, AttributeError):
        # The parser of the standard library stumbles over some headers that are no such.
        subject = ""
    words = " ".join(
        "".join(c if c.isprintable() and c not in "/\\" else " " for c in subject).split()
    )
    return f"{readable_name(words)[:_NAME_CHARACTERS] or 'message'}.eml"
