"""Workers and brokers that die, hang, come and go; on real brokers, with real processes."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from lineal.bus.protocol import Batch, Delivery
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.errors import BusUnavailable
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import RetriableError
from lineal.runtime import Runtime
from lineal.stages.runner import StageRunner
from lineal.stages.state import state_rows
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import cause_id, output_id, source_mark
from tests.bus.kafka.invariants import KEYS, assert_invariants, count_done, tasks
from tests.conformance.harness import (
    WorkerProcess,
    events_on,
    payload_of,
    publish,
    records,
    running,
    until,
    until_settled,
)
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Done, Task, Trace, work
from tests.lineage.records import one_step


def spawn_hurt(
    bus: KafkaBusUnderTest, when: str, number: signal.Signals, stage: str = "work"
) -> WorkerProcess:
    worker = WorkerProcess(
        bus.settings, stage, {"prefetch": 24}, ("tests.bus.kafka.hurt_worker", when, number.name)
    )
    bus.workers.append(worker)
    return worker


async def until_count(runtime: Runtime, count: int) -> None:
    while await count_done(runtime) < count:
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_killed_in_the_middle_of_a_transaction(
    bus: KafkaBusUnderTest, when: str
) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 240))
        assert await spawn_hurt(bus, when, signal.SIGKILL).ended() == -signal.SIGKILL
        bus.spawn_worker("work")
        await assert_invariants(runtime, 240)


@pytest.mark.parametrize("when", ["stored", "before", "after"])
async def test_a_worker_with_state_killed_while_it_commits(
    bus: KafkaBusUnderTest, when: str
) -> None:
    """The store is written before Kafka is: what was counted there counts once, and the outputs
    are those that the killed worker would have made."""
    async with bus.open() as runtime:
        published = await publish(runtime, *tasks(bus, 240))
        assert await spawn_hurt(bus, when, signal.SIGKILL, "count").ended() == -signal.SIGKILL
        ahead = await counted(runtime) - await count_done(runtime)
        assert (ahead > 0) == (when != "after"), "killed where it was to be"
        bus.spawn_worker("count")
        await assert_invariants(runtime, 240, "count")
        done = await events_on(runtime, Done.type)
        assert await counted(runtime) == 240
    causes = [cause_id(event.id, source_mark(event.id, event.source)) for event in published]
    expected = {output_id(cause, "count", "1", Done.type, 0) for cause in causes}
    assert {event.id for event in done} == expected
    for key in KEYS:
        counts = [payload_of(event).text for event in done if event.partitionkey == key]
        assert counts == [str(number + 1) for number in range(len(counts))]


async def counted(runtime: Runtime) -> int:
    """How many events the state of the stage has counted."""
    rows = await runtime.store.read(lambda connection: state_rows(connection, "count", ""))
    return sum(int(row.after or 0) for _, row in rows)


async def test_a_worker_stopped_in_the_middle_of_a_transaction_wakes_up_as_a_zombie(
    bus: KafkaBusUnderTest,
) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 240))
        zombie = spawn_hurt(bus, "before", signal.SIGSTOP)
        await until_stopped(zombie)
        second = bus.spawn_worker("work")
        await until(lambda: second.pid in {pid for _, _, pid in Trace(bus.scratch).read("end")})
        await until_settled(runtime, "work")
        zombie.send(signal.SIGCONT)
        await publish(runtime, *tasks(bus, 240, first=240))
        await assert_invariants(runtime, 480)
        # It is a member again, and does its part of what comes next.
        count = 480
        while not [
            n for _, n, pid in Trace(bus.scratch).read("end") if pid == zombie.pid and n >= 480
        ]:
            await publish(runtime, *tasks(bus, 48, first=count))
            count += 48
            await until_count(runtime, count)
        await assert_invariants(runtime, count)


async def until_stopped(worker: WorkerProcess) -> None:
    from pathlib import Path

    stat = Path(f"/proc/{worker.pid}/stat")
    await until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")


@pytest.mark.long  # it has timed out beside other tests, never alone: why is not known
async def test_the_broker_is_killed_and_restarted_under_load(bus: KafkaBusUnderTest) -> None:
    assert bus.broker is not None
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 600, "stall"))
        bus.spawn_worker("work", prefetch=50, lanes=4)
        for stop_at in (60, 200):
            await until_count(runtime, stop_at)
            await asyncio.to_thread(bus.broker.kill)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(bus.broker.restart)
        await assert_invariants(runtime, 600)


def with_patience(bus: KafkaBusUnderTest, away_seconds: float) -> None:
    """Have who reads wait for brokers that are away."""
    given = {"transaction_seconds": 1.0, "away_seconds": away_seconds}
    kafka = bus.settings.kafka.model_copy(update=given)
    bus.settings = bus.settings.model_copy(update={"kafka": kafka})


async def test_what_reads_through_an_outage_reads_all_of_it_or_fails(
    bus: KafkaBusUnderTest,
) -> None:
    """A replay, a migration: what was not read for want of a broker is not the end of the topic."""
    assert bus.broker is not None
    with_patience(bus, 120.0)  # brokers of a machine that has much else to do take long to start
    longer_than_a_transaction = 2 * bus.settings.kafka.transaction_seconds + 0.5
    more_than_is_read_ahead = 25_000 * "x"
    count = 400
    async with bus.open() as runtime:
        sent = [
            Task(key=f"key-{n % 20}", number=n, scratch=more_than_is_read_ahead)
            for n in range(count)
        ]
        await publish(runtime, *sent)
        reading = runtime.bus.read(Task.type)
        numbers = [payload_of((await anext(reading)).event).number for _ in range(10)]
        await asyncio.to_thread(bus.broker.kill)
        back = asyncio.create_task(_restart_later(bus, longer_than_a_transaction))
        async for delivery in reading:
            numbers.append(payload_of(delivery.event).number)
        await back
    assert sorted(numbers) == list(range(count))

    with_patience(bus, 1.0)
    async with bus.open() as runtime:
        reading = runtime.bus.read(Task.type)
        await anext(reading)
        await asyncio.to_thread(bus.broker.kill)
        try:
            with pytest.raises(BusUnavailable):
                async for _ in reading:
                    pass
        finally:
            await asyncio.to_thread(bus.broker.restart)


async def test_a_worker_ends_in_order_while_the_broker_is_away(bus: KafkaBusUnderTest) -> None:
    """aiokafka lets its own cancellation out when a fetch waits for the broker to come back."""
    assert bus.broker is not None
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 8))
        runner = StageRunner(runtime.bind(work), runtime.committer)
        subscription = await runtime.bus.subscribe("work", [Task.type], on_revoking=runner.revoking)
        running = asyncio.create_task(runner.run(subscription))
        await until_settled(runtime, "work")
        await asyncio.to_thread(bus.broker.kill)
        await asyncio.sleep(0.5)
        runner.stop()
        await asyncio.wait((running,))
        await asyncio.to_thread(bus.broker.restart)
        assert not running.cancelled()
        assert running.exception() is None


async def test_a_commit_that_is_cancelled_ends_and_is_not_made_twice(
    bus: KafkaBusUnderTest,
) -> None:
    """Wherever it is: one that came to nobody's ears as "try again" kept a follower from ending."""
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 40))
        subscription = await runtime.bus.subscribe("g", [Task.type])
        deliveries: list[Delivery] = []
        while len(deliveries) < 40:
            deliveries += await subscription.fetch(40, 5.0)
        for turns, delivery in enumerate(deliveries):
            done = Done(key="a", number=turns)
            output = first_event(done, id=delivery.event.id, source="test:x")
            batch = Batch([delivery], [(Done.type, output)])
            committing = asyncio.create_task(subscription.commit(batch))
            # Turns of the loop in which something is answered: the more, the later it is cancelled.
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            committing.cancel()
            await asyncio.wait((committing,), timeout=30)
            assert committing.cancelled() or (committing.done() and committing.exception() is None)
            if committing.cancelled():
                await subscription.commit(batch)
        await subscription.close()
        numbers = [payload_of(event).number for event in await events_on(runtime, Done.type)]
        assert sorted(numbers) == list(range(40))


async def _restart_later(bus: KafkaBusUnderTest, seconds: float) -> None:
    assert bus.broker is not None
    await asyncio.sleep(seconds)
    await asyncio.to_thread(bus.broker.restart)


async def test_of_three_brokers_one_is_lost_then_another(cluster_bus: KafkaBusUnderTest) -> None:
    bus = cluster_bus
    broker = bus.broker
    assert broker is not None
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 400, "stall"))
        bus.spawn_worker("work", prefetch=40, lanes=2)
        await until_count(runtime, 40)
        await asyncio.to_thread(broker.kill, 0)
        await until_count(runtime, 150)
        await asyncio.to_thread(broker.restart, 0)
        await publish(runtime, *tasks(bus, 200, first=400))
        await asyncio.to_thread(broker.kill, 1)
        await assert_invariants(runtime, 600)


async def test_a_storm_of_workers_that_come_and_go(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 1200, "stall"))
        bus.spawn_worker("work", prefetch=40, lanes=2)
        for turn in range(6):
            guest = bus.spawn_worker("work", prefetch=40, lanes=2)
            await guest.ready()
            await asyncio.sleep(0.3)
            guest.send(signal.SIGKILL if turn % 3 == 2 else signal.SIGTERM)
        await assert_invariants(runtime, 1200)


async def test_a_handler_slower_than_the_session_is_not_expelled(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        trace = Trace(bus.scratch)
        await publish(runtime, *tasks(bus, 12, "wait"))
        first = bus.spawn_worker("work")
        await until(lambda: len(trace.read("begin")) == 12)
        # Meanwhile it holds the partitions all the same, however often the others look.
        await asyncio.sleep(2 * bus.settings.kafka.session_seconds)
        (bus.scratch / "go").touch()
        await assert_invariants(runtime, 12)
    assert {pid for _, _, pid in trace.read("begin")} == {first.pid}
    assert len(trace.read("begin")) == 12


@pytest.mark.parametrize("answers_lost", [1, 1000], ids=["once", "until it gives up"])
@pytest.mark.parametrize("sent", [True, False], ids=["committed", "never arrived"])
async def test_an_end_of_a_transaction_without_an_answer_is_found_out_about(
    bus: KafkaBusUnderTest, monkeypatch: pytest.MonkeyPatch, answers_lost: int, sent: bool
) -> None:
    """The connection is cut where it hurts most; what Kafka made of it is Kafka's."""
    bus.settings.kafka.transaction_seconds = 2.0
    left = 0
    send = Connection.send

    async def cut(self: Connection, node: int, call: Any, lane: Any = "any") -> Any:
        nonlocal left
        if repr(call) == "EndTxn" and left > 0 and "/" in str(lane):
            left -= 1
            if sent:
                await send(self, node, call, lane)
            raise RetriableError("the connection is cut")
        if repr(call) == "InitProducerId":
            left = 0
        return await send(self, node, call, lane)

    monkeypatch.setattr(Connection, "send", cut)
    async with bus.open() as runtime, running(runtime, work):
        await publish(runtime, *tasks(bus, 24))
        await until_count(runtime, 24)
        left = answers_lost
        await publish(runtime, *tasks(bus, 24, first=24))
        await until(lambda: left == 0)
        await assert_invariants(runtime, 48)


@pytest.mark.parametrize("then", [1, 2], ids=["the same again", "something else"])
async def test_a_publication_in_doubt_is_not_taken_for_another(
    bus: KafkaBusUnderTest, monkeypatch: pytest.MonkeyPatch, then: int
) -> None:
    bus.settings.kafka.transaction_seconds = 1.0
    send = Connection.send

    async def cut(self: Connection, node: int, call: Any, lane: Any = "any") -> Any:
        answer = await send(self, node, call, lane)
        if repr(call) == "EndTxn":
            raise RetriableError("the connection is cut")
        return answer

    def recorded(number: int) -> list[Effect]:
        return [*lineage_records([one_step(f"task:{number}", started=number)])]

    async with bus.open() as runtime:
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "send", cut)
            with pytest.raises(BusUnavailable):
                await runtime.committer.publish((), recorded(1))
        await runtime.committer.publish((), recorded(then))
        found = [len(await records(runtime, f"task:{number}")) for number in (1, 2)]
    assert found == [1, then - 1]
