"""The work on a document is for its owner, as the workers are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lineal import Context, stage
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages.work_shares import WorkShares
from lineal.workers.fair_queue import Caller
from lineal_catalog.documents.shares import owner_of
from lineal_schemas.documents import DocumentSourceDeleted
from lineal_schemas.envelope import first_event
from tests.conformance.harness import running, until_settled


class Seen:
    """Workers that say who called."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []

    async def run(self, function: Any, *arguments: Any, caller: Caller, **options: Any) -> Any:
        self.callers.append(caller)
        return function(*arguments)


@stage("working", version="1", memo=False)
async def working(document: DocumentSourceDeleted, ctx: Context) -> None:
    await ctx.run(len, "abc")


async def test_workers_are_told_the_owner_where_there_is_one(tmp_path: Path) -> None:
    workers = Seen()
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        await runtime.store.write(
            lambda c: c.execute("INSERT INTO ownership VALUES ('d1', 'ann', 1)")
        )
        for document in ("d1", "d2"):
            payload = DocumentSourceDeleted(document_id=document, source="s", arrival="a")
            event = first_event(payload, id=document, source="test")
            await runtime.bus.publish([(event.type, event)])
        async with running(runtime, runtime.bind(working, workers)):  # type: ignore[arg-type]
            await until_settled(runtime, "working")
    groups = {caller.correlation_id: caller.group for caller in workers.callers}
    assert groups == {"document:d1": "ann", "document:d2": ""}


async def test_what_is_known_is_not_asked_again(tmp_path: Path) -> None:
    asked = []

    def group(connection: Any, correlation_id: str) -> str | None:
        asked.append(correlation_id)
        return owner_of(connection, correlation_id)

    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        shares = WorkShares(runtime.store, (group,))
        for _ in range(3):
            assert await shares.group_of("order:1") == ""
        assert asked == ["order:1"]
        assert await WorkShares(runtime.store, ()).group_of("order:1") == ""
