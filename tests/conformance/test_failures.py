"""What fails goes aside whole, comes back when asked, and takes nothing else along."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lineal.bus.protocol import Batch, Delivery
from lineal.dead_letters import LetterFilter, drop, redrive, waiting_letters
from lineal.runtime import Runtime
from lineal.stages import Context, Reject, Stage, stage
from lineal_schemas.envelope import RawEvent, first_event
from lineal_schemas.failures import EventFailed
from tests.conformance.effects import Call
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    lag,
    numbers_by_key,
    payload_of,
    publish,
    records,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Done, Task

ANY = LetterFilter()


def fragile(broken: set[int], error: Exception | None = None) -> Stage:
    """A stage that cannot handle some tasks."""

    @stage("fragile", version="1", produces=Done)
    async def handle(task: Task, ctx: Any) -> Done:
        if task.number in broken:
            raise error or ValueError(f"cannot do {task.number}")
        return Done(key=task.key, number=task.number)

    return handle


async def numbers_done(runtime: Runtime) -> list[int]:
    return [payload_of(event).number for event in await events_on(runtime, Done.type)]


async def test_poison_goes_aside_and_everything_else_goes_on(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="ab"[n % 2], number=n) for n in range(12)))
        async with running(runtime, fragile({4, 5})):
            await until_settled(runtime, "fragile")
        done = await numbers_done(runtime)
        assert sorted(done) == [n for n in range(12) if n not in (4, 5)]
        assert [n for n in done if n % 2 == 0] == [0, 2, 6, 8, 10], "the key goes on, in order"
        letters = await waiting_letters(runtime, ANY)
    assert sorted(payload_of(letter.event).number for letter in letters) == [4, 5]


async def test_a_dead_letter_has_the_whole_event_and_why(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        (event,) = await publish(
            runtime,
            Task(key="a", number=1),
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        async with running(runtime, fragile({1})):
            await until_settled(runtime, "fragile")
        (letter,) = await waiting_letters(runtime, ANY)
        (standing,) = [d async for d in runtime.bus.read(Task.type)]
        (record,) = await records(runtime, "task:a")
        (told,) = await events_on(runtime, EventFailed.type)
    assert letter.event._replace(mark=None) == event
    content = letter.content
    assert (content.topic, content.partition, content.offset) == standing.position
    assert (content.group, content.key, content.correlation_id) == ("fragile", "a", "task:a")
    assert (content.error_class, content.message) == ("ValueError", "cannot do 1")
    assert content.attempts == 3
    assert content.traceback is not None and "raise error or ValueError" in content.traceback
    assert (record.outcome, record.error, record.events_in) == ("failed", "ValueError", (event.id,))
    assert record.events_out == (letter.id, told.id)
    failed = payload_of(told)
    assert (failed.group, failed.id, failed.dead_letter) == ("fragile", event.id, letter.id)
    assert (failed.produces, failed.error_class) == ((Done.type,), "ValueError")
    assert failed.reason is None, "its text may hold personal data"


async def test_events_nobody_can_read_are_dead_letters_byte_for_byte(bus: BusUnderTest) -> None:
    (good,) = [first_event(Task(key="a", number=1), id="good", source="test:x")]
    malformed = [
        good._replace(id="not json", data=b"{"),
        good._replace(id="not utf-8", data=b"\xff\xfe"),
        good._replace(id="wrong fields", data=b'{"key": 1}'),
        good._replace(id="other type", type=Done.type, dataschema=None),
        good._replace(id="unknown type", type="nobody.knows", dataschema=None),
        good._replace(
            id="future version", dataschema=good.dataschema and good.dataschema[:-1] + "9"
        ),
        good._replace(id="not json type", datacontenttype="image/png", data=b"\x00\x01"),
        good._replace(
            id="reference to nothing",
            datacontenttype="application/vnd.lineal.reference+json",
            data=b"{}",
        ),
    ]
    async with bus.open() as runtime:
        await runtime.bus.publish([(Task.type, event) for event in [*malformed, good]])
        async with running(runtime, fragile(set())):
            await until_settled(runtime, "fragile")
        letters = await waiting_letters(runtime, ANY)
        assert await numbers_done(runtime) == [1]
    assert {letter.event.id: letter.event.data for letter in letters} == {
        event.id: event.data for event in malformed
    }
    assert {letter.content.attempts for letter in letters} == {1}, "trying again is of no use"


async def test_an_error_with_text_that_no_json_takes_is_a_dead_letter_too(
    bus: BusUnderTest,
) -> None:
    name = b"caf\xe9.pdf".decode("utf-8", "surrogateescape")
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=n) for n in range(3)))
        async with running(runtime, fragile({0}, Reject(f"cannot open {name}"))):
            await until_settled(runtime, "fragile")
        (letter,) = await waiting_letters(runtime, ANY)
        assert await numbers_done(runtime) == [1, 2]
    assert letter.content.message == "cannot open caf\\udce9.pdf"


async def test_redriven_events_are_handled_again_by_their_group_only(bus: BusUnderTest) -> None:
    broken = {1, 2}
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=n) for n in range(4)))
        async with running(runtime, fragile(broken)):
            await until_settled(runtime, "fragile")
            letters = await waiting_letters(runtime, LetterFilter(error_class="ValueError"))
            broken.remove(1)
            await redrive(runtime, letters)
            await until_settled(runtime, "fragile")
            assert await numbers_done(runtime) == [0, 3, 1]
            (again,) = await waiting_letters(runtime, ANY)
            assert payload_of(again.event).number == 2
            assert again.id not in {letter.id for letter in letters}, "a second dead letter"
            broken.clear()
            await redrive(runtime, [again])
            await until_settled(runtime, "fragile")
        assert await numbers_done(runtime) == [0, 3, 1, 2]
        assert await waiting_letters(runtime, ANY) == []
        acts = [
            record.events_in
            for record in await records(runtime, "task:a")
            if record.kind == "redrive"
        ]
        assert sorted(acts) == sorted([(letters[0].id,), (letters[1].id,), (again.id,)])
        assert len(await events_on(runtime, Task.type)) == 4, "other groups see nothing of it"


async def test_a_dead_letter_that_two_redrive_at_once_is_handled_once(bus: BusUnderTest) -> None:
    broken = {0, 1, 2}
    async with bus.open() as runtime, bus.open() as other:
        await publish(runtime, *(Task(key="a", number=n) for n in range(3)))
        async with running(runtime, fragile(broken)):
            await until_settled(runtime, "fragile")
            letters = await waiting_letters(runtime, ANY)
            broken.clear()
            by = await asyncio.gather(
                redrive(runtime, letters), redrive(other, letters[1:]), drop(other, letters[:1])
            )
            await until_settled(runtime, "fragile")
        assert sorted(letter.id for decided in by for letter in decided) == sorted(
            letter.id for letter in letters
        ), "each is decided about by one"
        dropped = {payload_of(letter.event).number for letter in by[2]}
        assert sorted(await numbers_done(runtime)) == sorted({0, 1, 2} - dropped)
        assert await redrive(other, letters) == [], "what was decided stays so"
        assert await waiting_letters(runtime, ANY) == []


async def test_dropped_dead_letters_are_gone_and_it_is_on_record(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="ab"[n], number=n) for n in range(2)))
        async with running(runtime, fragile({0, 1})):
            await until_settled(runtime, "fragile")
        dropped = await waiting_letters(runtime, LetterFilter(group="fragile", key="a"))
        await drop(runtime, dropped)
        (left,) = await waiting_letters(runtime, ANY)
        assert left.content.key == "b"
        (record,) = [r for r in await records(runtime, "task:a") if r.kind == "drop"]
        assert record.events_in == (dropped[0].id,)
        assert record.actor.startswith("user:")


async def test_what_cannot_be_written_leaves_nothing_of_itself_and_others_are_committed(
    bus: BusUnderTest,
) -> None:
    def explode(connection: object) -> None:
        raise ArithmeticError("this cannot be written")

    @stage("fragile", version="1", produces=Done)
    async def spoiled(task: Task, ctx: Any) -> Done:
        if task.number == 5:
            ctx.effects.append(Call(explode))
        return Done(key=task.key, number=task.number)

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key=f"k{n}", number=n) for n in range(20)))
        async with running(runtime, spoiled):
            await until_settled(runtime, "fragile")
        assert sorted(await numbers_done(runtime)) == [n for n in range(20) if n != 5]
        (letter,) = await waiting_letters(runtime, ANY)
        assert letter.content.error_class == "ArithmeticError"
        assert [record.outcome for record in await records(runtime, "task:k5")] == ["failed"]
        assert [record.outcome for record in await records(runtime, "task:k6")] == ["done"]
        assert await lag(runtime, "fragile") == 0


async def test_a_commit_that_fails_changes_nothing_and_can_be_tried_again(
    bus: BusUnderTest,
) -> None:
    bus.require("transactional_outputs")
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=n) for n in range(3)))
        subscription = await runtime.bus.subscribe("g", [Task.type])
        deliveries = await subscription.fetch(100, 5.0)

        def output(delivery: Delivery) -> tuple[str, RawEvent]:
            done = Done(key="a", number=payload_of(delivery.event).number)
            return Done.type, first_event(done, id=delivery.event.id, source="test:x")

        failing = True

        def write(connection: object) -> None:
            if failing:
                raise ArithmeticError

        batch = Batch(deliveries, [output(d) for d in deliveries], [Call(write)])
        commit = runtime.committer.commit_of(subscription)
        with pytest.raises(ArithmeticError):
            await commit(batch)
        assert await numbers_done(runtime) == []
        assert await lag(runtime, "g") == 3
        failing = False
        await commit(batch)
        assert await numbers_done(runtime) == [0, 1, 2]
        assert await lag(runtime, "g") == 0


async def test_a_stage_that_lets_a_cancellation_out_does_not_block_its_lane(
    bus: BusUnderTest,
) -> None:
    @stage("leaky", version="1", produces=Done)
    async def leaky(task: Task, ctx: Any) -> Done:
        if task.number == 0:
            raise asyncio.CancelledError
        return Done(key=task.key, number=task.number)

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=n) for n in range(3)))
        async with running(runtime, leaky):
            await until_events(runtime, Done.type, 2)
        assert await numbers_done(runtime) == [1, 2]
        (letter,) = await waiting_letters(runtime, ANY)
    assert letter.content.error_class == "HandlerCancelled"


async def test_later_events_of_a_key_wait_until_a_failed_one_is_redriven(bus: BusUnderTest) -> None:
    broken = {2}

    @stage("waits", version="1", produces=Done, memo=False, on_failure="wait")
    async def waits(task: Task, ctx: Context) -> Done:
        if task.key == "a" and task.number in broken:
            raise ValueError(f"cannot do {task.number}")
        count = (await ctx.state.get(task.key, int) or 0) + 1
        await ctx.state.put(task.key, count)
        return Done(key=task.key, number=task.number, text=f"{count}")

    async with bus.open() as runtime:
        events = await publish(
            runtime, *(Task(key=key, number=n) for n in range(1, 5) for key in "ab")
        )
        async with running(runtime, waits):
            await until_settled(runtime, "waits")
            made = numbers_by_key(await events_on(runtime, Done.type))
            assert made == {"a": [1], "b": [1, 2, 3, 4]}, "other keys go on"
            await publish(runtime, Task(key="a", number=5))
            await until_settled(runtime, "waits")
            failed, *waiting = await waiting_letters(runtime, ANY)
            assert failed.content.error_class == "ValueError"
            assert [payload_of(letter.event).number for letter in waiting] == [3, 4, 5]
            second = next(event for event in events if payload_of(event) == Task(key="a", number=2))
            for letter in waiting:
                assert (letter.content.error_class, letter.content.attempts) == ("KeyWaits", 1)
                assert letter.content.message == f"waits for event {second.id} of its key"
            await redrive(runtime, [failed])
            await until_settled(runtime, "waits")
            broken.clear()
            # The one that all wait for failed last.
            await redrive(runtime, await waiting_letters(runtime, ANY))
            await until_settled(runtime, "waits")
            await publish(runtime, Task(key="a", number=6))
            await until_settled(runtime, "waits")
        done = [payload_of(event) for event in await events_on(runtime, Done.type)]
        assert await waiting_letters(runtime, ANY) == []
    in_order = [(item.number, item.text) for item in done if item.key == "a"]
    assert in_order == [(n, f"{n}") for n in range(1, 7)], "in order, once each"


async def test_when_a_failed_event_is_dropped_those_that_wait_can_be_redriven(
    bus: BusUnderTest,
) -> None:
    @stage("waits", version="1", produces=Done, on_failure="wait")
    async def waits(task: Task) -> Done:
        if task.number == 2:
            raise Reject("never")
        return Done(key=task.key, number=task.number)

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=n) for n in range(1, 6)))
        async with running(runtime, waits):
            await until_settled(runtime, "waits")
            failed, *waiting = await waiting_letters(runtime, ANY)
            await redrive(runtime, waiting)
            await until_settled(runtime, "waits")
            assert await numbers_done(runtime) == [1], "the failed one is still there"
            failed, *waiting = await waiting_letters(runtime, ANY)
            await drop(runtime, [failed])
            await redrive(runtime, waiting)
            await until_settled(runtime, "waits")
        assert await numbers_done(runtime) == [1, 3, 4, 5]
        assert await waiting_letters(runtime, ANY) == []
