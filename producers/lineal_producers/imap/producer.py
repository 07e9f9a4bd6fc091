"""IMAP mailboxes as a producer: of each, one process takes the messages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lineal.errors import LinealError
from lineal.producers import Producer
from lineal_producers.exclusive_watches import ExclusiveWatch, ExclusiveWatches
from lineal_producers.imap.settings import ImapSettings, MailboxSettings
from lineal_producers.process_lock import ProcessLock

if TYPE_CHECKING:
    from lineal.runtime import Runtime


class WrongMailbox(LinealError, ValueError):
    """No mailbox is set."""


class ImapProducer(ExclusiveWatches):
    """Takes the messages of the mailboxes of the settings, or is on standby while other processes
    do.

    Raises:
        WrongMailbox: the settings name no mailbox.
    """

    def __init__(self, runtime: Runtime) -> None:
        mailboxes = runtime.settings.section(ImapSettings).mailboxes
        if not mailboxes:
            raise WrongMailbox(
                "no mailbox is set: name one under [[imap.mailboxes]] in lineal.toml "
                "(docs/producers.md)"
            )
        super().__init__([_watch(runtime, mailbox) for mailbox in mailboxes])


def _watch(runtime: Runtime, settings: MailboxSettings) -> ExclusiveWatch:
    from lineal_producers.imap.mailbox import MailboxWatch

    name = hashlib.sha256(settings.url.encode()).hexdigest()[:16]
    lock = ProcessLock(runtime.settings.data / f"mailbox-{name}.lock")
    return ExclusiveWatch("imap", MailboxWatch(runtime, settings), lock)


IMAP = Producer(
    "imap",
    "the mailboxes",
    ImapProducer,
    lambda settings: bool(settings.section(ImapSettings).mailboxes),
)
