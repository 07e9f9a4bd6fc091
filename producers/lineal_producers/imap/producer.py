"""IMAP mailboxes as a producer: of each, one process takes the messages."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from lineal.producers import Producer

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_producers.imap.settings import MailboxSettings


class ImapProducer:
    """Takes the messages of the mailboxes of the settings, or is on standby while other processes
    do.

    Raises:
        WrongMailbox: the settings do not fit, or name no mailbox.
    """

    def __init__(self, runtime: Runtime) -> None:
        from lineal_producers.imap.settings import WrongMailbox, imap_settings

        mailboxes = imap_settings(runtime.settings).mailboxes
        if not mailboxes:
            raise WrongMailbox(
                "no mailbox is set: name one under [[producers.imap.mailboxes]] in lineal.toml "
                "(docs/producers.md)"
            )
        self._watches = [_Watch(runtime, mailbox) for mailbox in mailboxes]

    @property
    def standing_by(self) -> bool:
        return all(watch.standing_by for watch in self._watches)

    @property
    def problem(self) -> str | None:
        return "; ".join(watch.problem for watch in self._watches if watch.problem) or None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                group.create_task(watch.run())


class _Watch:
    """The watch of one mailbox."""

    def __init__(self, runtime: Runtime, settings: MailboxSettings) -> None:
        from lineal_producers.imap.mailbox import MailboxWatch
        from lineal_producers.process_lock import ProcessLock

        self._watch = MailboxWatch(runtime, settings)
        name = hashlib.sha256(settings.url.encode()).hexdigest()[:16]
        self._lock = ProcessLock(runtime.settings.data / f"mailbox-{name}.lock")
        self.standing_by = not self._lock.acquire()

    @property
    def problem(self) -> str | None:
        return self._watch.problem

    async def run(self) -> None:
        if self.standing_by:
            await self._lock.wait()
            self.standing_by = False
        try:
            await self._watch.run()
        finally:
            self._lock.release()


IMAP = Producer(
    "imap",
    "the mailboxes",
    ImapProducer,
    lambda settings: bool(settings.producers.get("imap", {}).get("mailboxes")),
)
