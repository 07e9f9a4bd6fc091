"""Who may write to Kafka's topics cannot speak for a stage, nor write the ledger."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from structlog.testing import capture_logs

from lineal.dead_letters import LetterFilter, NobodyAnswersFor, redrive, waiting_letters
from lineal.effects.codec import frame
from lineal.effects.records import lineage_records
from lineal.lineage.ledger import all_steps
from lineal.lineage.topic import LINEAGE_TOPIC, lineage_event
from lineal.settings import Settings
from lineal_schemas.bindings import to_kafka
from lineal_schemas.envelope import RawEvent, first_event
from tests.bus.kafka.following import following
from tests.conformance.harness import events_on, publish, running, until_events, until_settled
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Done, Task, work
from tests.lineage.records import one_step


async def written(settings: Settings, topic: str, *events: RawEvent) -> None:
    """As any client of the cluster writes."""
    broker = settings.bus.removeprefix("kafka://")
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for event in events:
            key, value, headers = to_kafka(event)
            await producer.send_and_wait(
                f"{settings.kafka.prefix}{topic}", value, key=key, headers=headers
            )


async def test_what_a_stage_makes_is_refused_from_others(bus: KafkaBusUnderTest) -> None:
    forged: Any = first_event(Done(key="a", number=7), id="forged", source="lineal:stage/work")
    task = first_event(Task(key="a", number=1), id="own", source="/shop")
    claimed = task._replace(id="claimed", actor="user:root")
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type)
        await runtime.bus.create_topic(f"redrive.{work.name}")
        await written(bus.settings, Task.type, task, claimed, forged)
        await written(bus.settings, f"redrive.{work.name}", task._replace(id="redriven"))
        async with running(runtime, work), following(runtime):
            await until_events(runtime, f"dead.{work.name}", 2)
            await until_settled(runtime, work.name)
        done = await events_on(runtime, Done.type)
        assert {event.causationid for event in done} == {"own", "claimed"}
        assert all(runtime.marks and runtime.marks.valid(event) for event in done)
        await runtime.flush_ledger()
        steps = await runtime.store.read(lambda c: list(all_steps(c)))
        refused = {step.events_in[0]: step for step in steps if step.outcome == "failed"}
        assert {step.error for step in refused.values()} == {"UnmarkedEvent"}
        assert set(refused) == {"forged", "redriven"}
        assert "sent_by" not in {name for step in steps for name in step.attributes}
        letters = await waiting_letters(runtime, LetterFilter())
        assert len(letters) == 2
        with pytest.raises(NobodyAnswersFor):
            await redrive(runtime, letters[:1])


async def test_a_forged_record_does_not_reach_the_ledger(bus: KafkaBusUnderTest) -> None:
    (effect,) = lineage_records([one_step("document:victim", kind="promote")])
    async with bus.open() as runtime:
        async with following(runtime):
            await publish(runtime, Task(key="a", number=1))
            await runtime.flush_ledger()
        await written(bus.settings, LINEAGE_TOPIC, lineage_event(frame(effect)))
        with capture_logs() as logs:
            await runtime.flush_ledger()
        assert "ledger.unmarked_message" in {line["event"] for line in logs}
        steps = await runtime.store.read(lambda c: list(all_steps(c)))
        assert "document:victim" not in {step.subject for step in steps}
        (refused,) = [step for step in steps if step.kind == "refuse"]
        assert (refused.outcome, refused.error) == ("rejected", "UnmarkedMessage")
        assert refused.subject == f"topic:{LINEAGE_TOPIC}"
        assert [item.sha256 for item in refused.inputs] == [sha256(frame(effect)).hexdigest()]
        await runtime.flush_ledger()
        again = await runtime.store.read(lambda c: list(all_steps(c)))
        assert [step.kind for step in again].count("refuse") == 1


async def test_a_copied_message_does_not_reach_the_ledger_again(bus: KafkaBusUnderTest) -> None:
    """Its mark is valid: a promotion of long ago would else be the newest act once more."""
    records = [one_step(f"model:m{number}", kind="promote") for number in (1, 2)]
    async with bus.open() as runtime:
        for record in records:
            await runtime.committer.publish((), lineage_records([record]))
        await runtime.flush_ledger()
        marked = [
            delivery.event
            async for delivery in runtime.bus.read(LINEAGE_TOPIC)
            if delivery.event.data
        ]
        assert len(marked) == 2
        await written(bus.settings, LINEAGE_TOPIC, marked[0], marked[0])
        with capture_logs() as logs:
            await runtime.flush_ledger()
        assert [line["event"] for line in logs].count("ledger.replayed_message") == 2
        # One whose process has seen them, and one that has just begun.
        async with following(runtime):
            await runtime.committer.publish((), lineage_records([one_step("model:m3")]))
            await written(bus.settings, LINEAGE_TOPIC, marked[1])
            await runtime.flush_ledger()
        steps = await runtime.store.read(lambda c: list(all_steps(c)))
        assert [step.subject for step in steps if step.subject.startswith("model:")] == [
            "model:m1", "model:m2", "model:m3"
        ]  # fmt: skip
        refused = [step for step in steps if step.kind == "refuse"]
        assert [step.error for step in refused] == ["ReplayedMessage"] * 3
