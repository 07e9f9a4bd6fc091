"""The inbox itself is taken away, replaced or spoilt while it is watched."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_producers.arrival import Arrival
from lineal_producers.folder.watch import FolderWatch


class Watched:
    """An inbox with a watch that looks often."""

    def __init__(self, inbox: Path, watch: FolderWatch, arrivals: list[Arrival]) -> None:
        self.inbox = inbox
        self.watch = watch
        self._arrivals = arrivals

    @property
    def names(self) -> set[str]:
        return {arrival.name for arrival in self._arrivals}

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(180):
            while not condition():
                await asyncio.sleep(0.05)

    async def takes(self, name: str) -> None:
        (self.inbox / name).write_text(f"about {name}")
        await self.until(lambda: name in self.names)

    async def hears_at_once(self, name: str) -> None:
        """A file that comes and goes is noticed by notifications only, never by a scan."""

        def came_and_went() -> bool:
            (self.inbox / name).write_text("about vanishing")
            (self.inbox / name).unlink()
            return name in self.names

        async with asyncio.timeout(180):
            while not came_and_went():
                await asyncio.sleep(0.5)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    inbox = tmp_path / "inbox"
    arrivals: list[Arrival] = []
    async with open_runtime(Settings(data=tmp_path / "data", durability="normal")) as runtime:
        watch = FolderWatch(
            runtime, inbox, stable_seconds=0.1, scan_seconds=0.2, on_arrival=arrivals.append
        )
        task = asyncio.create_task(watch.run())
        try:
            yield Watched(inbox, watch, arrivals)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_a_deleted_inbox_is_complained_of_until_somebody_makes_it_again(
    watched: Watched,
) -> None:
    await watched.takes("before.txt")
    shutil.rmtree(watched.inbox)
    await watched.until(lambda: "is gone" in (watched.watch.problem or ""))
    assert not watched.inbox.exists()
    watched.inbox.mkdir()
    await watched.until(lambda: watched.watch.problem is None)

    await watched.takes("after.txt")
    await watched.hears_at_once("gone.txt")


async def test_another_folder_in_its_place_is_watched_like_it(watched: Watched) -> None:
    await watched.takes("before.txt")
    watched.inbox.rename(watched.inbox.with_name("old"))
    watched.inbox.mkdir()

    await watched.takes("after.txt")
    await watched.hears_at_once("gone.txt")


async def test_a_link_to_the_inbox_in_itself_does_no_harm(watched: Watched) -> None:
    await watched.takes("before.txt")
    (watched.inbox / "folder").mkdir()
    (watched.inbox / "folder" / "up").symlink_to(watched.inbox.parent)
    await watched.until(lambda: "up" in watched.names)

    await watched.takes("after.txt")
    await watched.hears_at_once("gone.txt")


async def test_an_inbox_that_cannot_be_read_is_a_problem_until_it_can(watched: Watched) -> None:
    await watched.takes("before.txt")
    watched.inbox.rename(watched.inbox.with_name("old"))
    watched.inbox.write_text("a file, not a folder")
    await watched.until(lambda: "inbox cannot be read" in (watched.watch.problem or ""))

    watched.inbox.unlink()
    watched.inbox.mkdir()
    await watched.takes("after.txt")
    await watched.until(lambda: watched.watch.problem is None)
