"""Appending what stands on the lineage topic to the ledger: in this process or in another one.

A worker that handles events has its one interpreter busy; what the ledger costs, it would handle
fewer. So whoever writes the ledger for a group does it by a process beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from lineal.bus.kafka.lineage import read_message
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import parse_record
from lineal.store.connection import Connection, Store, StoreOpener
from lineal.store.memo import keep_memos
from lineal.store.positions import Overtaken, advance


class Stretch(NamedTuple):
    """Consecutive messages of the lineage topic."""

    source: str
    """What the store knows the topic by."""
    begin: int
    """The offset up to which the store is thought to have come."""
    end: int
    messages: Sequence[tuple[int, bytes]]
    """Those between, with their offsets: where markers stand there are none."""


class Appended(NamedTuple):
    """How far the store has come, and what is to be told of it."""

    mark: int
    unreadable: Sequence[tuple[int, str]] = ()
    """Offsets, and what is wrong there."""
    changed: Sequence[bytes] = ()
    """Steps whose outputs are not those that the memo knows."""


def append(connection: Connection, stretch: Stretch) -> Appended:
    """Write a stretch, and move the store's mark with it; nothing if the mark is elsewhere."""
    try:
        advance(connection, stretch.source, stretch.begin, stretch.end)
    except Overtaken as error:
        return Appended(error.position)
    canonical, memos, unreadable = [], [], []
    for offset, message in stretch.messages:
        try:
            found, remembered = read_message(message)
        except ValueError as error:
            unreadable.append((offset, str(error)))
            continue
        canonical += found
        memos += remembered
    if canonical:
        Ledger().append(connection, [parse_record(item) for item in canonical], canonical)
    return Appended(stretch.end, unreadable, keep_memos(connection, memos))


class _Beside(NamedTuple):
    """What a process that appends for another one keeps open."""

    loop: asyncio.AbstractEventLoop
    store: Store


_beside: _Beside | None = None


def append_beside(opener: StoreOpener, stretch: Stretch) -> Appended:
    """:func:`append` in a worker process, which opens the store the first time.

    Raises:
        StoreUnavailable: it cannot be reached; nothing was written.
    """
    global _beside
    if _beside is None:
        loop = asyncio.new_event_loop()
        _beside = _Beside(loop, loop.run_until_complete(opener()))
    loop, store = _beside
    return loop.run_until_complete(store.write(lambda connection: append(connection, stretch)))
