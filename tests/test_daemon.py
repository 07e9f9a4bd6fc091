"""How a daemon begins, and one that cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lineal.bus.protocol import Subscription
from lineal.daemon import Daemon
from lineal.effects.records import lineage_records
from lineal.errors import BusUnavailable
from lineal.lineage.record import StepEntry, record_of
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages import stage
from lineal.store.connection import Connection
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


async def test_tables_of_a_projection_that_is_new_are_made_and_filled(tmp_path: Path) -> None:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        done = StepEntry("task:a", 1, kind="drop", events_in=("letter",))
        record = record_of(done, build=None, actor="user:ann", worker="here")
        await runtime.committer.publish((), lineage_records([record]))

        # As a store that was made before the package of the projection was installed.
        def as_before(connection: Connection) -> None:
            connection.execute("DROP TABLE dead_letter_outcomes")
            connection.execute("DROP TABLE search_entries")

        await runtime.store.write(as_before)
        daemon = Daemon(runtime, [slow])
        await daemon.start()
        await daemon.stop()
        assert await runtime.store.read(
            lambda c: [tuple(row) for row in c.execute("SELECT * FROM dead_letter_outcomes")]
        ) == [("letter", "drop", 1)]
        assert await runtime.store.read(
            lambda c: c.execute("SELECT count(*) FROM search_entries").fetchall()
        ), "what steps write is there, and empty"
