"""What SQS does at its worst: twice, out of order, late, to others, in part. No effect is doubled,
nothing is lost, and the order of each key is kept."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from lineal.bus.aws.bus import AwsBus
from lineal.bus.aws.messages import message_of
from lineal.bus.aws.resources import MAX_RECEIVES
from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.bus.protocol import AssignmentLost, Batch, Delivery
from lineal.bus.topic_names import dead_letter_topic
from lineal.errors import BusUnavailable
from lineal_schemas.envelope import RawEvent, decode, first_event, from_json
from lineal_schemas.failures import DeadLetter
from tests.bus.aws.harness import (
    PATIENCE_SECONDS,
    AwsTask,
    Installation,
    batch_of,
    commit,
    fetch_all,
    make_groups,
    number_of,
    numbers,
    opened,
    publish_tasks,
    records,
    results,
    task,
    until,
    until_handled,
    working,
)
from tests.services.aws_archive import ArchiveProxy


async def send_again(bus: AwsBus, queue: str, number: int, nth: int) -> None:
    """Deliver an event once more, as SNS may beyond its five minutes."""
    message = message_of(AwsTask.type, task(number), 1_000 + number, None)
    await bus.aws.sqs.send_message(
        QueueUrl=queue,
        MessageBody=message.body,
        MessageGroupId=message.group,
        MessageDeduplicationId=f"{number}-{nth}",
        MessageAttributes=message.entry(0)["MessageAttributes"],
    )


async def test_events_come_in_order_and_whole_on_both_emulators(either: Installation) -> None:
    seen: list[tuple[str, int]] = []
    keys = ["plain", "with \N{SNOWMAN} and spaces", "long " * 60]
    async with opened(either) as process:
        bus = process.bus
        await make_groups(bus)
        await publish_tasks(bus, 30, keys)
        async with working(bus, seen=seen, text="x" * 250_000):
            await until_handled(bus, "work")
        found = await results(bus, 30)
        made = await numbers(process, found)
    for key in keys:
        for some in (seen, made):
            of_key = [number for name, number in some if name == key]
            assert of_key == sorted(of_key) and len(of_key) == 10
    assert {event.datacontenttype for event in found} == {REFERENCE_MEDIA_TYPE}


async def test_an_event_delivered_twice_or_late_has_no_effect_twice(
    installation: Installation,
) -> None:
    seen: list[tuple[str, int]] = []
    async with opened(installation) as process:
        bus, store, _ = process
        queue = await make_groups(bus)
        for number in range(4):
            await send_again(bus, queue, number, 0)
        async with working(bus, seen=seen):
            await until_handled(bus, "work")
            # Twice, and in another order than they were in.
            for number in (3, 0, 2, 0, 1):
                await send_again(bus, queue, number, 1 + number)
            await until_handled(bus, "work")
            assert [number for _, number in seen] == [0, 1, 2, 3], "known ones are not handled"
        assert len(await records(store, "task:a")) == 4
        made = await numbers(process, await results(bus, 4))
        assert sorted(number for _, number in made) == [0, 1, 2, 3]


@pytest.mark.parametrize("together", [True, False])
async def test_two_messages_of_one_event_take_effect_once(
    installation: Installation, together: bool
) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        queue = await make_groups(bus)
        await send_again(bus, queue, 1, 0)
        await send_again(bus, queue, 1, 1)
        subscription = await bus.subscribe("work", [AwsTask.type])
        held = await fetch_all(subscription, 2)
        if together:
            lost = await commit(subscription, held)
        else:
            lost = [item for one in held for item in await commit(subscription, [one])]
        assert [id(delivery) for delivery in lost] == [id(held[1])]
        assert len(await records(store, "task:a")) == 1
        async with working(bus):
            await until_handled(bus, "work")
        assert len(await records(store, "task:a")) == 1


async def test_a_slow_handler_keeps_its_message(installation: Installation) -> None:
    seen: list[tuple[str, int]] = []

    async def work(delivery: Delivery) -> None:
        # Longer than a message stays hidden by itself.
        await asyncio.sleep(1.25 * installation.lease_seconds)

    async with opened(installation) as process, opened(installation) as other:
        await make_groups(process.bus)
        await publish_tasks(process.bus, 3)
        async with (
            working(process.bus, seen=seen, work=work),
            working(other.bus, seen=seen, work=work),
        ):
            await until_handled(process.bus, "work")
        assert [number for _, number in seen] == [0, 1, 2]


async def test_a_message_whose_lease_runs_out_takes_those_behind_it_along(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(installation) as process:
        bus = process.bus
        await make_groups(bus)
        await publish_tasks(bus, 5)
        subscription = await bus.subscribe("work", [AwsTask.type])
        held = await fetch_all(subscription, 5)
        assert [number_of(delivery.event) for delivery in held] == [0, 1, 2, 3, 4]
        await subscription.commit(batch_of(held[:1]))
        # No extension gets through: after two seconds all of them are somebody else's.
        with monkeypatch.context() as patch:

            async def fail(**_: Any) -> Any:
                raise TimeoutError("no way through")

            patch.setattr(bus.aws.sqs, "change_message_visibility_batch", fail)
            again = await fetch_all(subscription, 4)
            with pytest.raises(AssignmentLost) as lost:
                await subscription.commit(batch_of(held[1:]))
            assert list(map(id, lost.value.deliveries)) == list(map(id, held[1:]))
        assert [number_of(delivery.event) for delivery in again] == [1, 2, 3, 4]
        await subscription.commit(batch_of(again))
        await until_handled(bus, "work")
        assert len(await records(process.store, "task:a")) == 5


async def test_a_batch_that_fails_in_part_keeps_the_order_of_each_key(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    async with opened(installation) as process:
        bus = process.bus
        await make_groups(bus)
        publish_batch = bus.aws.sns.publish_batch

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

        seen: list[tuple[str, int]] = []
        monkeypatch.setattr(bus.aws.sns, "publish_batch", in_part)
        await publish_tasks(bus, 100, "abcde")
        monkeypatch.undo()
        async with working(bus, seen=seen):
            await until_handled(bus, "work")
    assert len(seen) == 100
    for key in "abcde":
        of_key = [number for name, number in seen if name == key]
        assert of_key == sorted(of_key)


def refusal(action: str, sns_code: str, sqs_code: str) -> web.Response:
    """What AWS answers when it does not do what it is asked."""
    if action == "PublishBatch":
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{sns_code}</Code>"
            "<Message>not now</Message></Error></ErrorResponse>"
        )
        return web.Response(status=400, text=text, content_type="text/xml")
    return web.Response(
        status=400,
        text=f'{{"__type": "com.amazonaws.sqs#{sqs_code}", "message": "not now"}}',
        content_type="application/x-amz-json-1.0",
    )


async def test_throttling_loses_nothing(proxied: Installation, aws_archive: ArchiveProxy) -> None:
    chance = random.Random(5)
    throttled: Counter[str] = Counter()

    async def throttle(action: str, parameters: Any) -> web.Response | None:
        if action not in _WORK or chance.random() > 0.2:
            return None
        throttled[action] += 1
        return refusal(action, "Throttling", "RequestThrottled")

    seen: list[tuple[str, int]] = []
    async with opened(proxied) as process:
        bus, store, _ = process
        await make_groups(bus)
        aws_archive.faults.append(throttle)
        try:
            await publish_tasks(bus, 40, "abcd")
            async with working(bus, seen=seen):
                await until(lambda: len(set(seen)) >= 40)
                await until_handled(bus, "work")
        finally:
            aws_archive.faults.remove(throttle)
        made = [number for _, number in await numbers(process, await results(bus, 40))]
        assert sorted(made) == list(range(40))
        assert len(await records(store, "task:a")) == 10
    assert set(throttled) >= {"PublishBatch", "ReceiveMessage"}
    for place, key in enumerate("abcd"):
        # A message that could not be kept hidden for all the refusals is handled anew: what was
        # not committed may be seen twice, but nothing before what precedes it, and it counts once.
        first_seen = dict.fromkeys(number for name, number in seen if name == key)
        of_key = list(range(place, 40, 4))
        assert list(first_seen) == of_key
        assert [number for number in made if number % 4 == place] == of_key


_WORK = {
    "PublishBatch", "ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch",
}  # fmt: skip


async def test_who_can_receive_nothing_is_told_why(
    proxied: Installation, aws_archive: ArchiveProxy
) -> None:
    async def refuse(action: str, parameters: Any) -> web.Response | None:
        if action != "ReceiveMessage":
            return None
        return refusal(action, "", "AccessDeniedException")

    async with opened(proxied) as process:
        await make_groups(process.bus)
        await publish_tasks(process.bus, 1)
        aws_archive.faults.append(refuse)
        try:
            subscription = await process.bus.subscribe("work", [AwsTask.type])
            with pytest.raises(BusUnavailable, match=r"group work cannot receive: .*AccessDenied"):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while True:
                        assert await subscription.fetch(10, 0.5) == []
        finally:
            aws_archive.faults.remove(refuse)
        found: list[Delivery] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not found:
                try:
                    found = await subscription.fetch(10, 0.5)
                except BusUnavailable:
                    continue
        assert found[0].event == task(0)


async def test_what_is_no_event_is_delivered_as_an_unreadable_one(
    installation: Installation,
) -> None:
    async with opened(installation) as process:
        bus = process.bus
        await make_groups(bus)
        await bus.aws.sns.publish(
            TopicArn=bus.provisioning.topic_arn(AwsTask.type),
            Message="hello?",
            MessageGroupId="somebody",
            MessageDeduplicationId="1",
        )
        subscription = await bus.subscribe("work", [AwsTask.type])
        (delivery,) = await fetch_all(subscription, 1)
        assert (delivery.event.data, delivery.event.type) == (b"hello?", "unreadable")
        assert delivery.position.topic == AwsTask.type
        await subscription.commit(Batch([delivery]))
        await until_handled(bus, "work")


def letter_of(event: RawEvent) -> DeadLetter:
    payload = decode(event).data
    assert isinstance(payload, DeadLetter)
    return payload


def dead_letter(event: RawEvent) -> RawEvent:
    letter = DeadLetter(
        group="work", topic=AwsTask.type, partition=0, offset=0, key="a", correlation_id="task:a",
        event=event.to_json(exact=True).decode(), error_class="Reject", message="", attempts=1,
    )  # fmt: skip
    return first_event(letter, id=f"letter of {event.id}", source="test:aws", time=1)


@pytest.mark.parametrize("in_a_batch", [True, False])
async def test_a_dead_letter_larger_than_a_message_is_kept_whole(
    installation: Installation, in_a_batch: bool
) -> None:
    topic = dead_letter_topic("work")
    # Each sign takes four bytes in JSON in JSON.
    event = task(0)._replace(data=b'{"key":"a","number":0,"more":"' + b"\\\\" * 40_000 + b'"}')
    letter = dead_letter(event)
    async with opened(installation) as process:
        bus = process.bus
        await make_groups(bus)
        if in_a_batch:
            await publish_tasks(bus, 1)
            subscription = await bus.subscribe("work", [AwsTask.type])
            held = await fetch_all(subscription, 1)
            await subscription.commit(Batch(held, [(topic, letter)]))
        else:
            await bus.publish([(topic, letter)])
        (found,) = [delivery.event async for delivery in bus.read(topic)]
        (info,) = [info for info in await bus.topics() if info.topic == topic]
    assert found == letter
    assert from_json(letter_of(found).event) == event
    assert info.events == 1


async def test_a_poison_message_becomes_a_dead_letter(installation: Installation) -> None:
    seen: list[tuple[str, int]] = []
    async with opened(installation) as process:
        bus, store, _ = process
        queue = await make_groups(bus)
        (event, _) = await publish_tasks(bus, 2)
        for _ in range(MAX_RECEIVES):  # as workers do that die at once
            answer = await bus.aws.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)
            assert len(answer["Messages"]) == 1
        async with working(bus, seen=seen):
            await until_handled(bus, "work")
            await bus.maintenance.run_once()
        topic = dead_letter_topic("work")
        (letter,) = [letter_of(delivery.event) async for delivery in bus.read(topic)]
        outcomes = [record.outcome for record in await records(store, "task:a")]
    assert seen == [("a", 1)]
    assert (from_json(letter.event), letter.error_class) == (event, "WorkerCrashed")
    assert sorted(outcomes) == ["done", "failed"]


async def test_a_group_is_left_when_its_last_worker_closes(installation: Installation) -> None:
    async with opened(installation) as process:
        await make_groups(process.bus)
        await publish_tasks(process.bus, 1)
        subscription = await process.bus.subscribe("work", [AwsTask.type])
        held = await fetch_all(subscription, 1)
        await subscription.close()
        with pytest.raises(AssignmentLost):
            await subscription.commit(batch_of(held))
        async with working(process.bus):
            await until_handled(process.bus, "work")
        assert len(await results(process.bus, 1)) == 1
