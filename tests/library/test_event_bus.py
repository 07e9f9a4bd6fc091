"""A program of its own publishes, consumes, runs stages, asks and is answered, on every bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from lineal import Context, Reject, stage
from lineal.admission import NotAllowed
from lineal.dead_letters import LetterFilter, waiting_letters
from lineal.effects.effect import Effect, register
from lineal.errors import PermanentFailure, WrongConfiguration
from lineal.library import (
    EventBus,
    NoReply,
    NotAcknowledged,
    Received,
    RequestFailed,
    RequestSkipped,
    open_bus,
)
from lineal.store.connection import Connection
from tests.conformance.conftest import BUSES
from tests.conformance.conftest import bus as bus
from tests.conformance.harness import (
    PATIENCE_SECONDS,
    BusUnderTest,
    events_on,
    payload_of,
    until_events,
)
from tests.conformance.workload import Done, Joined, Task

__all__ = ["BUSES", "bus"]


@pytest.fixture
async def app(bus: BusUnderTest) -> AsyncIterator[EventBus]:
    async with bus.open() as runtime:
        opened = EventBus(runtime, "shop")
        try:
            yield opened
        finally:
            await opened.close()


def task(number: int, key: str = "a") -> Task:
    return Task(key=key, number=number)


async def test_what_is_acknowledged_is_done_and_the_rest_comes_again(app: EventBus) -> None:
    async with app.subscribe("shipping", Task, produces=[Done]) as tasks:
        await app.publish(*(task(n, key=f"k{n}") for n in range(3)))
        seen: dict[int, Received[Task]] = {}
        async for received in tasks:
            seen[received.data.number] = received
            if len(seen) == 3:
                break
        await seen[1].ack(Done(key="k1", number=1))
    async with app.subscribe("shipping", Task, produces=[Done]) as tasks:
        again = set()
        async for received in tasks:
            again.add(received.data.number)
            await received.ack(Done(key=received.data.key, number=received.data.number))
            if again == {0, 2}:
                break
    done = await events_on(app.runtime, Done.type)
    assert sorted(payload_of(event).number for event in done) == [0, 1, 2]
    with pytest.raises(NotAcknowledged):
        await seen[0].ack()


async def test_a_consumer_reads_where_an_event_stands_in_its_trace(app: EventBus) -> None:
    async with app.subscribe("shipping", Task) as tasks:
        await app.publish(task(1))
        received = await anext(aiter(tasks))
        [published] = await events_on(app.runtime, Task.type)
        assert published.traceparent is not None
        assert received.event.traceparent == published.traceparent


async def test_events_of_a_key_come_one_after_another(app: EventBus) -> None:
    async with app.subscribe("shipping", Task) as tasks:
        await app.publish(task(1), task(2))
        first = await anext(aiter(tasks))
        first.release(seconds=0)
        again = await anext(aiter(tasks))
        assert again.data.number == 1, "it comes again, before the next"


async def test_a_rejected_event_is_a_dead_letter_and_a_known_one_does_not_come_again(
    app: EventBus,
) -> None:
    async with app.subscribe("shipping", Task) as tasks:
        assert await app.publish(task(1, "a"), id="one") == ["one"]
        await (await anext(aiter(tasks))).reject("nobody lives there")
        await app.publish(task(2, "b"), id="two")
        await (await anext(aiter(tasks))).ack()
        await app.publish(task(2, "b"), id="two")
        await app.publish(task(3, "b"), id="three")
        assert (await anext(aiter(tasks))).data.number == 3
    letters = await waiting_letters(app.runtime, LetterFilter())
    assert [(letter.content.group, letter.content.error_class) for letter in letters] == [
        ("shipping", "Reject")
    ]


@dataclass(frozen=True, slots=True)
class Sale(Effect):
    kind: ClassVar[str] = "test.sale"
    read_by_others: ClassVar[bool] = False

    number: int


def book(connection: Connection, sales: Sequence[Sale]) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS sales (number BIGINT PRIMARY KEY)")
    connection.executemany(
        "INSERT INTO sales VALUES (?) ON CONFLICT DO NOTHING", [(sale.number,) for sale in sales]
    )


register(book, Sale)


async def test_rows_of_ones_own_are_written_with_the_acknowledgement(app: EventBus) -> None:
    async with app.subscribe("books", Task) as tasks:
        await app.publish(*(task(number, key=f"k{number}") for number in range(3)))
        for _ in range(3):
            received = await anext(aiter(tasks))
            if received.data.number != 1:
                await received.ack(effects=[Sale(received.data.number)])
    await app.runtime.flush_ledger()
    rows = await app.runtime.store.read(lambda c: c.execute("SELECT number FROM sales").fetchall())
    assert sorted(number for (number,) in rows) == [0, 2]


@stage("answer", version="1", produces=Done)
async def answer(asked: Task, ctx: Context) -> Done | None:
    if asked.number < 0:
        raise Reject("less than nothing")
    if asked.number == 13:
        ctx.skip("there is no answer")
        return None
    if asked.number > 100:
        raise PermanentFailure(f"{asked.key} is too much")
    return Done(key=asked.key, number=asked.number + 1)


async def test_a_request_is_answered(app: EventBus) -> None:
    async with app.run(answer) as running:
        answers = await asyncio.gather(
            *(app.request(task(n, key=f"k{n}"), Done, seconds=60) for n in range(5))
        )
        assert [done.number for done in answers] == [1, 2, 3, 4, 5]
        with pytest.raises(NoReply, match=r"no conformance\.done came"):
            await app.request(task(13), Done, seconds=0.5)
        assert running.problems == []


async def test_requests_that_begin_at_once_read_a_topic_once(app: EventBus) -> None:
    """Those that were read twice were left reading, and the bus could not be closed."""
    async with app.run(answer):
        await asyncio.gather(*(app.request(task(n, key=f"k{n}"), Done, seconds=60) for n in (1, 2)))
        reading = [item for item in asyncio.all_tasks() if item.get_name().startswith("replies ")]
    assert len(reading) == 2, "of replies and of failures"


async def test_who_asks_is_told_of_a_rejection_at_once_by_a_group_that_answers(
    app: EventBus,
) -> None:
    @stage("audit", version="1", produces=Joined)
    async def audit(asked: Task, ctx: Context) -> Joined:
        raise Reject("not for me, who does not answer")

    async with app.run(audit, answer):
        asked = [
            app.request(task(n, key=f"k{n}"), Done, id=f"q{n}", seconds=PATIENCE_SECONDS)
            for n in (-1, 1, 500)
        ]
        refused, done, failed = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(refused, RequestFailed), refused
    assert (refused.group, refused.reason) == ("answer", "less than nothing")
    assert "answer rejected the request: less than nothing" in str(refused)
    assert done == Done(key="k1", number=2)
    assert isinstance(failed, RequestFailed), failed
    assert (failed.error_class, failed.reason) == ("PermanentFailure", None), "it may be personal"
    letters = await waiting_letters(app.runtime, LetterFilter(group="answer"))
    assert {letter.id for letter in letters} == {refused.dead_letter, failed.dead_letter}


async def test_who_asks_is_told_when_all_that_answer_have_nothing_to_do(app: EventBus) -> None:
    @stage("other", version="1", produces=Done, memo=False)
    async def other(asked: Task, ctx: Context) -> Done | None:
        if asked.number < 0:
            ctx.skip("less than nothing")
            return None
        await asyncio.sleep(1.5)
        return Done(key=asked.key, number=asked.number)

    @stage("idle", version="1", produces=Done, memo=False)
    async def idle(asked: Task, ctx: Context) -> None:
        ctx.skip("not today")

    async with app.run(other, idle):
        left, done = await asyncio.gather(
            *(app.request(task(n, key=f"k{n}"), Done, seconds=PATIENCE_SECONDS) for n in (-1, 1)),
            return_exceptions=True,
        )
    assert isinstance(left, RequestSkipped), left
    assert left.reasons == {"other": "less than nothing", "idle": "not today"}
    assert done == Done(key="k1", number=1)


async def test_a_program_that_rejects_tells_who_asks(app: EventBus) -> None:
    async with app.subscribe("shipping", Task, produces=[Done]) as tasks:
        asking = asyncio.create_task(app.request(task(1), Done, seconds=PATIENCE_SECONDS))
        await (await anext(aiter(tasks))).reject("nobody lives there")
        with pytest.raises(RequestFailed, match=r"shipping rejected .* nobody lives there"):
            await asking


async def test_requests_of_others_under_the_same_id_are_theirs(app: EventBus) -> None:
    other = EventBus(app.runtime, "another shop")
    async with app.subscribe("shipping", Task, produces=[Done]) as tasks:
        asking = asyncio.create_task(
            app.request(task(1, "a"), Done, id="one", seconds=PATIENCE_SECONDS)
        )
        mine = await anext(aiter(tasks))
        await other.publish(task(2, "b"), id="one")
        await (await anext(aiter(tasks))).reject("only the other one")
        await mine.ack(Done(key="a", number=1))
        assert await asking == Done(key="a", number=1)


async def test_stages_run_in_the_process_of_the_program(app: EventBus) -> None:
    @stage("copy", version="1", produces=Done)
    async def copy(asked: Task, ctx: Context) -> Done:
        return Done(key=asked.key, number=await ctx.run(abs, asked.number))

    async with app.run(copy):
        await app.publish(task(-7))
        (event,) = await until_events(app.runtime, Done.type, 1)
        assert payload_of(event).number == 7


async def test_what_lineal_itself_makes_is_not_for_a_program_to_publish(app: EventBus) -> None:
    from lineal_schemas.withdrawals import OutputsWithdrawn

    forged = OutputsWithdrawn(
        stage="x", stage_version="1", outputs=(), key="k", correlation_id="order:1"
    )
    with pytest.raises(NotAllowed):
        await app.publish(forged)


async def test_a_consumer_of_a_program_has_no_delays(tmp_path: Path) -> None:
    delays = {"delays": {"shipping": ["1s"]}}
    async with open_bus(data=tmp_path, log={"enabled": False}, retry=delays) as opened:
        with pytest.raises(WrongConfiguration, match=r"retry\.delays.*'shipping' is the consumer"):
            async with opened.subscribe("shipping", Task):
                pass
