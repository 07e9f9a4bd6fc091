"""One watch per inbox and data folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lineal_producers.folder.inbox_lock import InboxLock


async def test_the_second_waits_for_the_first_by_whatever_path(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "in")
    first = InboxLock(tmp_path, tmp_path / "in")
    second = InboxLock(tmp_path, tmp_path / "linked")
    assert first.acquire()
    assert not second.acquire()
    waiting = asyncio.create_task(second.wait())
    first.release()
    await waiting
    assert not first.acquire()
    second.release()


def test_other_inboxes_are_free(tmp_path: Path) -> None:
    first, second = InboxLock(tmp_path, tmp_path / "a"), InboxLock(tmp_path, tmp_path / "b")
    assert first.acquire()
    assert second.acquire()
    first.release()
    second.release()
