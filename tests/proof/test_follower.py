"""A daemon signs what is in the ledger, on every bus, and says so on a topic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from lineal.bus.embedded.bus import EmbeddedBus
from lineal.daemon import Daemon
from lineal.effects.records import lineage_records
from lineal.proof.checkpoint import open_checkpoint
from lineal.proof.checkpoint_events import CHECKPOINT_TOPIC
from lineal.proof.errors import LogInconsistent
from lineal.proof.follower import LogFollower
from lineal.proof.keys import read_verifier_keys
from lineal.proof.log_tables import read_log, tile_source
from lineal.runtime import Runtime, open_runtime
from lineal.settings import KafkaSettings, LogSettings, Settings
from lineal.store.connection import Store
from lineal.store.database import Database
from lineal_local.kafka import Kafka
from tests.proof.ledgers import append, records, sign
from tests.proof.verifying import verify


@pytest.fixture(params=["embedded", "kafka"])
async def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = Settings(
        data=tmp_path, durability="normal", workers=1, log=LogSettings(kept_seconds=0)
    )
    if request.param == "kafka":
        kafka: Kafka = request.getfixturevalue("kafka")
        prefix = f"log-{tmp_path.name[-40:]}."
        settings = settings.model_copy(
            update={
                "bus": f"kafka://{kafka.bootstrap}",
                "kafka": KafkaSettings(prefix=prefix),
            }
        )
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(open_runtime(settings))


async def size_of(runtime: Runtime) -> int:
    row = await runtime.store.read(read_log)
    return 0 if row is None else row.size


async def test_records_are_signed_while_it_runs(runtime: Runtime) -> None:
    folder = runtime.settings.data
    daemon = Daemon(runtime, [])
    await daemon.start()
    try:
        for first in (0, 10):
            await runtime.committer.publish([], lineage_records(records(first, 10)))
            while await size_of(runtime) < first + 10:
                await asyncio.sleep(0.02)
        assert daemon.problems == []
    finally:
        await daemon.stop()
    keys = read_verifier_keys(folder / "log.key")
    published = [
        open_checkpoint(delivery.event.data, keys).checkpoint.size
        async for delivery in runtime.bus.read(CHECKPOINT_TOPIC)
    ]
    assert published == sorted(published) and published[-1] == 20
    assert verify(folder).findings == ()


async def test_what_is_not_the_ledger_that_was_signed_is_a_problem(runtime: Runtime) -> None:
    await runtime.committer.publish([], lineage_records(records(0, 10)))
    await runtime.flush_ledger()
    daemon = Daemon(runtime, [])
    await daemon.start()
    while await size_of(runtime) < 10:
        await asyncio.sleep(0.02)
    await daemon.stop()
    await runtime.store.write(lambda c: c.execute("DELETE FROM ledger WHERE seq > 5").rowcount)
    daemon = Daemon(runtime, [])
    await daemon.start()
    try:
        while not daemon.problems:
            await asyncio.sleep(0.02)
        (problem,) = daemon.problems
        assert problem.startswith("the log: the ledger ends at record 5, its log at 10")
    finally:
        await daemon.stop()


async def test_what_is_wrong_stays_wrong_until_it_is_mended(
    store: Store, tmp_path: Path, database: Database
) -> None:
    """Also while nothing new is appended."""
    await append(store, 0, 10)
    await sign(store, tmp_path / "log")
    kept = await store.read(lambda c: bytes(tile_source(c)(0, 0)))

    async def put(hashes: bytes) -> None:
        await store.write(
            lambda c: c.execute("UPDATE ledger_tiles SET hashes = ?", (hashes,)).rowcount
        )

    await put(bytes(320))
    follower = LogFollower(store, EmbeddedBus(database), LogSettings(), tmp_path / "log", "a")
    for _ in range(3):
        with pytest.raises(LogInconsistent):
            await follower._follow()
    await put(kept)
    for _ in range(2):
        assert await follower._follow() is False
