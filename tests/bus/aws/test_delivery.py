"""What SQS does at its worst: twice, out of order, late, to others, in part. No effect is doubled,
nothing is lost, and the order of each key is kept."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from lineal.bus.aws.bus import AwsBus
from lineal.bus.aws.resources import MOST_RECEIVES
from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.bus.protocol import Settlement
from lineal.dead_letters import LetterFilter, waiting_letters
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Reject, Stage, stage
from lineal_schemas.envelope import first_event
from tests.conformance.effects import Call
from tests.conformance.harness import (
    fetch_all,
    payload_of,
    publish,
    records,
    running,
    until,
    until_settled,
)
from tests.conformance.workload import Done, Task
from tests.services.aws_archive import ArchiveProxy


def noting(seen: list[tuple[str, int]], seconds: float = 0.0) -> Stage:
    """A stage that notes what it is given."""

    @stage("note", version="1", produces=Done)
    async def note(task: Task, ctx: Any) -> Done:
        seen.append((task.key, task.number))
        await asyncio.sleep(seconds)
        return Done(key=task.key, number=task.number)

    return note


def aws_bus(runtime: Runtime) -> AwsBus:
    assert isinstance(runtime.bus, AwsBus)
    return runtime.bus


async def join(runtime: Runtime, group: str = "note") -> str:
    """Make a group before anything is published for it; returns its queue."""
    await aws_bus(runtime).provision(group, [Task.type, f"redrive.{group}"])
    await aws_bus(runtime).provision("after", [Done.type])
    answer: dict[str, str] = await aws_bus(runtime).aws.sqs.get_queue_url(
        QueueName=f"{aws_bus(runtime)._address.prefix}{group}.fifo"
    )
    return answer["QueueUrl"]


async def outputs(runtime: Runtime, count: int) -> list[int]:
    """The numbers of what the stage gave out."""
    deliveries = await fetch_all(runtime, "after", Done.type, count, settle=True)
    return [payload_of(delivery.event).number for delivery in deliveries]


async def send_again(runtime: Runtime, queue: str, number: int, nth: int) -> None:
    """Deliver an event once more, as SNS may beyond its five minutes."""
    from lineal.bus.aws.messages import message_of

    (event,) = [
        first_event(
            Task(key="a", number=number), id=f"task {number}", source="test:scenario", time=1
        )
    ]
    message = message_of(Task.type, event, 1_000 + number, None)
    await aws_bus(runtime).aws.sqs.send_message(
        QueueUrl=queue,
        MessageBody=message.body,
        MessageGroupId=message.group,
        MessageDeduplicationId=f"{number}-{nth}",
        MessageAttributes=message.entry(0)["MessageAttributes"],
    )


async def test_events_come_in_order_and_whole_on_both_emulators(either: Settings) -> None:
    seen: list[tuple[str, int]] = []
    text = "x" * 100_000

    @stage("enlarge", version="1", produces=Done)
    async def enlarge(task: Task, ctx: Any) -> Done:
        seen.append((task.key, task.number))
        return Done(key=task.key, number=task.number, text=text)

    keys = ["plain", "with \N{SNOWMAN} and spaces", "long " * 60]
    async with open_runtime(either) as runtime:
        await join(runtime, "enlarge")
        await publish(runtime, *(Task(key=keys[n % 3], number=n) for n in range(30)))
        async with running(runtime, enlarge):
            await until_settled(runtime, "enlarge")
        deliveries = await fetch_all(runtime, "after", Done.type, 30, settle=True)
    for key in keys:
        numbers = [number for name, number in seen if name == key]
        assert numbers == sorted(numbers) and len(numbers) == 10
    assert {delivery.event.datacontenttype for delivery in deliveries} == {REFERENCE_MEDIA_TYPE}


async def test_an_event_delivered_twice_or_late_has_no_effect_twice(settings: Settings) -> None:
    seen: list[tuple[str, int]] = []
    async with open_runtime(settings) as runtime:
        queue = await join(runtime)
        for number in range(4):
            await send_again(runtime, queue, number, 0)
        async with running(runtime, noting(seen)):
            await until_settled(runtime, "note")
            # Twice, and in another order than they were in.
            for number in (3, 0, 2, 0, 1):
                await send_again(runtime, queue, number, 1 + number)
            await until_settled(runtime, "note")
            assert [number for _, number in seen] == [0, 1, 2, 3], "known ones are not handled"
        assert len(await records(runtime, "task:a")) == 4
        assert sorted(await outputs(runtime, 4)) == [0, 1, 2, 3]


async def test_two_workers_with_the_same_event_settle_it_once(settings: Settings) -> None:
    applied: list[str] = []
    async with open_runtime(settings) as runtime:
        queue = await join(runtime)
        await send_again(runtime, queue, 1, 0)
        await send_again(runtime, queue, 1, 1)
        first = await runtime.bus.subscribe("note", [Task.type])
        held = await first.fetch(10, 5.0)
        assert len(held) == 2

        def write(connection: object) -> None:
            applied.append("once")

        results = [await first.settle([Settlement(d, effects=[Call(write)])]) for d in held]
        assert [len(lost) for lost in results] == [0, 1]
        assert applied == ["once"]
        await until_settled(runtime, "note")


async def test_a_slow_handler_keeps_its_message(settings: Settings) -> None:
    seen: list[tuple[str, int]] = []
    async with open_runtime(settings) as runtime, open_runtime(settings) as other:
        await join(runtime)
        await publish(runtime, *(Task(key="a", number=n) for n in range(3)))
        # Each takes longer than a message stays hidden by itself.
        async with running(runtime, noting(seen, 2.5)), running(other, noting(seen, 2.5)):
            await until_settled(runtime, "note")
        assert [number for _, number in seen] == [0, 1, 2]


async def test_a_message_that_is_lost_takes_those_behind_it_along(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_runtime(settings) as runtime:
        await join(runtime)
        await publish(runtime, *(Task(key="a", number=n) for n in range(5)))
        subscription = await runtime.bus.subscribe("note", [Task.type])
        held = await subscription.fetch(100, 5.0)
        assert [payload_of(d.event).number for d in held] == [0, 1, 2, 3, 4]
        assert await subscription.settle([Settlement(held[0])]) == []
        # No extension gets through: after two seconds all of them are somebody else's.
        with monkeypatch.context() as patch:

            async def fail(**_: Any) -> Any:
                raise TimeoutError("no way through")

            patch.setattr(aws_bus(runtime).aws.sqs, "change_message_visibility_batch", fail)
            again: list[Any] = []
            async with asyncio.timeout(30):
                while len(again) < 4:
                    again += await subscription.fetch(100, 1.0)
            late = [Settlement(delivery) for delivery in held[1:]]
            assert await subscription.settle(late) == late
        assert [payload_of(d.event).number for d in again] == [1, 2, 3, 4]
        assert await subscription.settle([Settlement(d) for d in again]) == []
        await until_settled(runtime, "note")


async def test_a_batch_that_fails_in_part_keeps_the_order_of_each_key(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    async with open_runtime(settings) as runtime:
        await join(runtime)
        sns = aws_bus(runtime).aws.sns
        publish_batch = sns.publish_batch

        async def in_part(**given: Any) -> Any:
            entries = given["PublishBatchRequestEntries"]
            groups = [entry["MessageGroupId"] for entry in entries]
            assert len(set(groups)) == len(groups), "the second of a key could overtake the first"
            failing = {entry["Id"] for entry in entries if chance.random() < 0.3}
            passed = [entry for entry in entries if entry["Id"] not in failing]
            answer = (
                await publish_batch(**{**given, "PublishBatchRequestEntries": passed})
                if passed
                else {}
            )
            failed = [
                {"Id": name, "Code": "InternalError", "SenderFault": False} for name in failing
            ]
            return {**answer, "Failed": failed}

        monkeypatch.setattr(sns, "publish_batch", in_part)
        await publish(runtime, *(Task(key="abcde"[n % 5], number=n) for n in range(100)))
        monkeypatch.undo()
        deliveries = await fetch_all(runtime, "note", Task.type, 100, settle=True)
    tasks = [payload_of(delivery.event) for delivery in deliveries]
    assert len(tasks) == 100
    for key in "abcde":
        numbers = [task.number for task in tasks if task.key == key]
        assert numbers == sorted(numbers)


async def test_throttling_loses_nothing(proxied: Settings, aws_archive: ArchiveProxy) -> None:
    chance = random.Random(5)
    throttled: Counter[str] = Counter()

    async def throttle(action: str, parameters: Any) -> web.Response | None:
        if action not in _WORK or chance.random() > 0.2:
            return None
        throttled[action] += 1
        if action == "PublishBatch":
            return web.Response(
                status=400,
                text="<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>"
                "<Message>Rate exceeded</Message></Error></ErrorResponse>",
                content_type="text/xml",
            )
        return web.Response(
            status=400,
            text='{"__type": "com.amazonaws.sqs#RequestThrottled", "message": "Rate exceeded"}',
            content_type="application/x-amz-json-1.0",
        )

    seen: list[tuple[str, int]] = []
    async with open_runtime(proxied) as runtime:
        await join(runtime)
        aws_archive.faults.append(throttle)
        try:
            await publish(runtime, *(Task(key="abcd"[n % 4], number=n) for n in range(40)))
            async with running(runtime, noting(seen)):
                await until(lambda: len(seen) >= 40)
                await until_settled(runtime, "note")
        finally:
            aws_archive.faults.remove(throttle)
        made = await outputs(runtime, 40)
        assert sorted(made) == list(range(40))
        assert len(await records(runtime, "task:a")) == 10
    assert set(throttled) >= {"PublishBatch", "ReceiveMessage"}
    for place, key in enumerate("abcd"):
        # A message that could not be kept hidden for all the refusals is handled anew: what was
        # not settled may be seen twice, but nothing before what precedes it, and it counts once.
        first_seen = dict.fromkeys(number for name, number in seen if name == key)
        of_key = list(range(place, 40, 4))
        assert list(first_seen) == of_key
        assert [number for number in made if number % 4 == place] == of_key


_WORK = {
    "PublishBatch", "ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch",
}  # fmt: skip


async def test_what_is_no_event_goes_aside(settings: Settings) -> None:
    seen: list[tuple[str, int]] = []
    async with open_runtime(settings) as runtime:
        await join(runtime)
        bus = aws_bus(runtime)
        await bus.aws.sns.publish(
            TopicArn=bus.provisioning.topic_arn(Task.type),
            Message="hello?",
            MessageGroupId="somebody",
            MessageDeduplicationId="1",
        )
        await publish(runtime, Task(key="a", number=1))
        async with running(runtime, noting(seen)):
            await until_settled(runtime, "note")
        (letter,) = await waiting_letters(runtime, LetterFilter())
    assert seen == [("a", 1)]
    assert letter.event.data == b"hello?"
    assert letter.content.topic == Task.type


async def test_a_dead_letter_larger_than_a_message_is_kept_whole(settings: Settings) -> None:
    @stage("refuse", version="1")
    async def refuse(task: Task, ctx: Any) -> None:
        raise Reject("not this one")

    awkward = '"\\' * 15_000  # each sign takes four bytes in JSON in JSON
    async with open_runtime(settings) as runtime:
        await join(runtime, "refuse")
        (event,) = await publish(runtime, Task(key="a", number=1, scratch=awkward))
        assert len(event.data) < 65_536
        async with running(runtime, refuse):
            await until_settled(runtime, "refuse")
        (letter,) = await waiting_letters(runtime, LetterFilter())
    assert letter.event == event


async def test_what_kills_its_workers_again_and_again_becomes_a_dead_letter(
    settings: Settings,
) -> None:
    seen: list[tuple[str, int]] = []
    async with open_runtime(settings) as runtime:
        queue = await join(runtime)
        (event, _) = await publish(runtime, *(Task(key="a", number=n) for n in range(2)))
        for _ in range(MOST_RECEIVES):  # as workers do that die at once
            answer = await aws_bus(runtime).aws.sqs.receive_message(
                QueueUrl=queue, VisibilityTimeout=0
            )
            assert len(answer["Messages"]) == 1
        async with running(runtime, noting(seen)):
            await until_settled(runtime, "note")
            await runtime.bus.maintain()
        (letter,) = await waiting_letters(runtime, LetterFilter())
        outcomes = [record.outcome for record in await records(runtime, "task:a")]
    assert seen == [("a", 1)]
    assert (letter.event, letter.content.error_class) == (event, "WorkerCrashed")
    assert sorted(outcomes) == ["done", "failed"]


async def test_what_others_send_without_a_time_has_that_of_its_message(settings: Settings) -> None:
    """Each time it is read; and what is no event goes aside with the reason."""
    data = Task(key="a", number=1).model_dump(mode="json")
    event = {"specversion": "1.0", "id": "e1", "source": "/s", "type": Task.type, "data": data}
    before = time.time_ns() // 1_000_000 - 1
    async with open_runtime(settings) as runtime:
        await join(runtime)
        bus = aws_bus(runtime)
        for number, body in enumerate([json.dumps(event), "no event"]):
            await bus.aws.sns.publish(
                TopicArn=bus.provisioning.topic_arn(Task.type), Message=body,
                MessageGroupId="a", MessageDeduplicationId=f"{number}",
            )  # fmt: skip
        (first, *_) = await fetch_all(runtime, "note", Task.type, 1)
        (again, *_) = await fetch_all(runtime, "note", Task.type, 1)
        assert first.event == again.event
        assert before <= first.event.time // 1000 <= time.time_ns() // 1_000_000
        seen: list[tuple[str, int]] = []
        async with running(runtime, noting(seen)):
            await until_settled(runtime, "note")
        (letter,) = await waiting_letters(runtime, LetterFilter())
    assert seen == [("a", 1)]
    assert letter.content.message.startswith("this is no event: not JSON")
    assert letter.event.data == b"no event"
