"""verify compares Kafka's topics with the ledger, and its log with the checkpoints on its topic."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lineal.backup.salvage import salvage
from lineal.daemon import Daemon
from lineal.effects.codec import frame
from lineal.effects.records import lineage_records
from lineal.lineage.topic import LINEAGE_TOPIC, lineage_event
from lineal.proof.checkpoint_events import CHECKPOINT_TOPIC, checkpoint_event
from lineal.proof.event_check import EventReader
from lineal.proof.keys import read_verifier_keys
from lineal.proof.ledger_check import LedgerCheck
from lineal.proof.record_pass import RecordPass
from lineal.proof.verification import Check, run_checks
from lineal_cli.broker_topics import topics_of_broker
from lineal_cli.salvage import messages_on_topic
from lineal_schemas.envelope import first_event
from tests.bus.kafka.test_marks import written
from tests.conformance.harness import publish, until_settled
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Done, Task, work
from tests.lineage.records import one_step
from tests.proof.verifying import context_of, tampering


async def found(bus: KafkaBusUnderTest) -> list[str]:
    """What is wrong with log and events, as the command says it."""
    origins = {key.name for key in read_verifier_keys(bus.settings.data / "log.key")}
    topics = await asyncio.to_thread(
        topics_of_broker, bus.settings, origins, lambda done, total: None
    )
    with context_of(bus.settings.data, topics=topics) as context:
        checks: list[Check] = [LedgerCheck(), RecordPass([EventReader()])]
        return [finding.what for finding in run_checks(checks, context).findings]


async def test_an_event_that_no_step_made_and_a_ledger_put_back_are_named(
    bus: KafkaBusUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bus.open() as runtime:
        daemon = Daemon(runtime, [work])
        await daemon.start()
        await publish(runtime, *[Task(key="a", number=number) for number in range(5)])
        await until_settled(runtime, work.name)
        await runtime.flush_ledger()
        await daemon.stop()
        assert await found(bus) == []
        forged: Any = first_event(Done(key="a", number=7), id="forged", source="lineal:stage/work")
        await written(bus.settings, Done.type, forged)
        (named,) = await found(bus)
        assert named.startswith(f"no step in the ledger made the event forged at {Done.type}/")

        # Checkpoints of another log do not hide those of this one, however many there are.
        monkeypatch.setattr("lineal.proof.topic_reading.MAX_CHECKPOINTS", 3)
        others = [checkpoint_event(b"eve\n%d\n" % number) for number in range(5)]
        await written(bus.settings, CHECKPOINT_TOPIC, *others)

    # Somebody puts the whole store back to nothing, and its checkpoints with it.
    with tampering(bus.settings.data) as connection:
        for table in ("ledger", "ledger_tiles", "ledger_log", "ledger_index", "builds"):
            connection.execute(f"DELETE FROM {table}")
    for file in (bus.settings.data / "checkpoints").iterdir():
        file.unlink()
    assert any("were signed" in what for what in await found(bus))


@pytest.mark.parametrize("tiles_too", [False, True])
async def test_records_that_only_the_topic_has_are_salvaged(
    bus: KafkaBusUnderTest, tmp_path: Path, tiles_too: bool
) -> None:
    async with bus.open() as runtime:
        daemon = Daemon(runtime, [work])
        await daemon.start()
        for number in range(6):
            await publish(runtime, Task(key="a", number=number))
            await until_settled(runtime, work.name)
        await runtime.flush_ledger()
        await daemon.stop()
    folder = bus.settings.data
    with tampering(folder) as connection:
        before = connection.execute("SELECT seq, digest FROM ledger").fetchall()
        assert len(before) >= 5
        connection.execute("DELETE FROM ledger WHERE seq IN (2, 3) OR seq >= ?", (len(before),))
        if tiles_too:
            connection.execute("DELETE FROM ledger_tiles")
    new = tmp_path / "new"
    [effect] = lineage_records([one_step("document:victim", kind="promote")])
    await written(bus.settings, LINEAGE_TOPIC, lineage_event(frame(effect)))
    on_topic = await asyncio.to_thread(messages_on_topic, bus.settings)
    done = salvage(folder, folder / "checkpoints", new, on_topic=on_topic)
    assert done.records_put_back == [2, 3, len(before)]
    with tampering(new) as connection:
        assert connection.execute("SELECT seq, digest FROM ledger").fetchall() == before
    if not tiles_too:
        with context_of(new) as context:
            assert run_checks([LedgerCheck()], context).findings == ()


async def test_a_broker_that_is_away_is_said(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        daemon = Daemon(runtime, [])
        await daemon.start()
        await daemon.stop()
    kafka = bus.settings.kafka.model_copy(update={"session_seconds": 1.0})
    away = bus.settings.model_copy(update={"bus": "kafka://127.0.0.1:1", "kafka": kafka})
    topics = await asyncio.to_thread(topics_of_broker, away, (), lambda done, total: None)
    assert topics.problem is not None and "--offline" in topics.problem
