"""A daemon that cannot begin."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lineal.bus.protocol import Subscription
from lineal.daemon import Daemon
from lineal.errors import BusUnavailable
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages import stage
from tests.conformance.workload import Task


@stage("slow", version="1")
async def slow(task: Task, ctx: Any) -> None: ...


@stage("forbidden", version="1")
async def forbidden(task: Task, ctx: Any) -> None: ...


async def test_one_that_may_not_join_a_group_says_so_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined: list[str] = []
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        subscribe = runtime.bus.subscribe

        async def denied(group: str, topics: Sequence[str], **options: Any) -> Subscription:
            if group == "forbidden":
                raise BusUnavailable("the brokers' ACLs forbid it")
            await asyncio.sleep(0.05)
            joined.append(group)
            return await subscribe(group, topics, **options)

        monkeypatch.setattr(runtime.bus, "subscribe", denied)
        daemon = Daemon(runtime, [slow, forbidden])
        with pytest.raises(BusUnavailable, match="forbid"):
            await daemon.start()
        assert joined == ["slow"], "nobody is left who joins while the bus is being closed"
        await daemon.stop()
