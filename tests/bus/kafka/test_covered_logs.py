"""Ledgers that share a broker, each behind a lineage topic of its own, under one log over them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lineal.daemon import Daemon
from lineal.proof.covering import (
    StoredLog,
    cover_records,
    covered_logs,
    next_checkpoint,
    record_covered,
)
from lineal.proof.keys import read_verifier_keys
from lineal.proof.verification import run_checks
from lineal.proof.writer import sign_behind
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.sqlite import connect_read_only
from lineal_cli.covered_check import CoveredCheck
from tests.conformance.harness import publish, until_settled
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Task, work
from tests.proof.verifying import context_of, tampering


async def work_on(settings: Settings, scratch: Path, number: int) -> None:
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, [work])
        await daemon.start()
        await publish(runtime, Task(key="a", number=number, scratch=str(scratch)))
        await until_settled(runtime, work.name)
        await runtime.flush_ledger()
        await daemon.stop()


async def cover(runtime: Runtime, folder: Path) -> None:
    known = await runtime.store.read(covered_logs)
    connection = connect_read_only(folder / "lineal.db", busy_seconds=1)
    opened = next_checkpoint(
        str(folder), StoredLog(connection), read_verifier_keys(folder / "log.key"), known
    )
    connection.close()
    assert opened is not None
    await record_covered(runtime, cover_records(str(folder), opened, known))


def wrong(top: Path) -> list[str]:
    with context_of(top) as context:
        check = CoveredCheck(top, offline=True)
        return [finding.what for finding in run_checks([check], context).findings]


async def test_one_log_covers_those_of_several_lineage_topics(
    bus: KafkaBusUnderTest, tmp_path: Path
) -> None:
    shares = [
        bus.settings.model_copy(update={
            "data": tmp_path / name,
            "kafka": bus.settings.kafka.model_copy(
                update={"prefix": f"{bus.settings.kafka.prefix}{name}."}
            ),
        })
        for name in ("east", "west")
    ]  # fmt: skip
    top = tmp_path / "top"
    for number in range(2):
        for share in shares:
            await work_on(share, bus.scratch, number)
        # The ledger of the log above is on the broker as well, behind a topic of its own.
        async with open_runtime(bus.settings.model_copy(update={"data": top})) as runtime:
            for share in shares:
                await cover(runtime, share.data)
            await sign_behind(runtime.store, runtime.settings.log, top)
    assert await asyncio.to_thread(wrong, top) == []
    with tampering(shares[1].data) as connection:
        connection.execute("DELETE FROM ledger WHERE seq = 1")
    (origin,) = {key.name for key in read_verifier_keys(shares[1].data / "log.key")}
    whats = await asyncio.to_thread(wrong, top)
    assert f"{origin}: record 1 is missing, or cannot be read" in whats
