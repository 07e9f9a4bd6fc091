"""A batch takes effect as a whole and once, or not at all, whoever else is at work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from lineal.bus.aws import inbox
from lineal.bus.aws.messages import publication_of
from lineal.bus.protocol import AssignmentLost, Batch, Delivery
from lineal.bus.topic_names import redrive_topic
from lineal.effects.effect import Effect, register
from lineal.errors import StoreUnavailable
from lineal.store.connection import Connection
from lineal.store.database import Database
from lineal_schemas.envelope import decode
from tests.bus.aws.harness import (
    AwsDone,
    AwsTask,
    Installation,
    batch_of,
    commit,
    done,
    fetch_all,
    lag,
    make_groups,
    numbers,
    opened,
    publish_tasks,
    record_of,
    records,
    results,
    task,
    until_handled,
    working,
)


@dataclass(frozen=True, slots=True)
class Unwritable(Effect):
    """An effect that no store takes."""

    kind: ClassVar[str] = "test.aws.unwritable"
    read_by_others: ClassVar[bool] = True


def _fail(connection: Connection, effects: Sequence[Unwritable]) -> None:
    raise ValueError("cannot be written")


register(_fail, Unwritable)


async def handled(store: Database, deliveries: Sequence[Delivery]) -> int:
    """How many of the events are in the inbox."""
    ids = [publication_of(delivery.event, None) for delivery in deliveries]
    return len(await store.read(lambda connection: inbox.handled(connection, "work", ids)))


async def test_a_batch_takes_effect_and_its_messages_go(installation: Installation) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        await publish_tasks(bus, 9, "abc")
        subscription = await bus.subscribe("work", [AwsTask.type])
        await subscription.commit(batch_of(await fetch_all(subscription, 9)))
        assert sum([len(await records(store, f"task:{key}")) for key in "abc"]) == 9
        assert len(await results(bus, 9)) == 9
        await until_handled(bus, "work")


async def test_what_another_worker_handled_is_named_and_nothing_of_the_batch_counts(
    installation: Installation,
) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        await publish_tasks(bus, 3, "abc")
        subscription = await bus.subscribe("work", [AwsTask.type])
        held = await fetch_all(subscription, 3)
        (second,) = [delivery for delivery in held if delivery.event == task(1, "b")]
        # As another worker does that had the same event.
        await store.write(lambda c: inbox.enter(c, "work", [publication_of(second.event, None)]))
        with pytest.raises(AssignmentLost) as lost:
            await subscription.commit(batch_of(held))
        assert [id(delivery) for delivery in lost.value.deliveries] == [id(second)]
        assert await handled(store, held) == 1
        assert await records(store, "task:a") == []
        rest = [delivery for delivery in held if delivery is not second]
        await subscription.commit(batch_of(rest))
        found = [len(await records(store, f"task:{key}")) for key in "abc"]
        assert found == [1, 0, 1]
        await until_handled(bus, "work")


async def test_one_effect_that_cannot_be_written_undoes_all(installation: Installation) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        await publish_tasks(bus, 2, "ab")
        subscription = await bus.subscribe("work", [AwsTask.type])
        held = await fetch_all(subscription, 2)
        refused = batch_of(held, "refused")
        refused = refused._replace(effects=[*refused.effects, Unwritable()])
        with pytest.raises(ValueError, match="cannot be written"):
            await subscription.commit(refused)
        with pytest.raises(ValueError, match="cannot be written"):
            await bus.publish(refused.outputs, refused.effects)
        assert (await handled(store, held), await records(store, "task:a")) == (0, [])
        assert await commit(subscription, held, "committed") == [], "they are still in flight"
        await until_handled(bus, "work")
        found = [decode(event).data for event in await results(bus, 2)]
        assert {getattr(payload, "text", None) for payload in found} == {"committed"}
        assert await lag(bus, "after") == 0


def doubtful(write: Callable[..., Any]) -> Callable[..., Any]:
    """The writing of a store that goes away once, in the very moment after a commit."""
    left = [StoreUnavailable("went away")]

    async def wrapped(work: Callable[[Any], Any], **options: Any) -> Any:
        result = await write(work, **options)
        if left:
            raise left.pop()
        return result

    return wrapped


async def test_a_batch_in_doubt_is_recognised_when_it_is_committed_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        await publish_tasks(bus, 4, "ab")
        subscription = await bus.subscribe("work", [AwsTask.type])
        batch = batch_of(await fetch_all(subscription, 4))
        monkeypatch.setattr(store, "write", doubtful(store.write))
        with pytest.raises(StoreUnavailable):
            await subscription.commit(batch)
        await subscription.commit(batch)
        assert len(await records(store, "task:a")) == 2
        assert len(await results(bus, 4)) == 4
        await until_handled(bus, "work")


async def test_a_released_delivery_cannot_be_committed_any_more(
    installation: Installation,
) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        await publish_tasks(bus, 2)
        subscription = await bus.subscribe("work", [AwsTask.type])
        held = await fetch_all(subscription, 2)
        subscription.release(held[:1])
        with pytest.raises(AssignmentLost) as lost:
            await subscription.commit(batch_of(held))
        assert lost.value.deliveries == held, "what follows in its key goes with it"
        again = await fetch_all(subscription, 2)
        assert [delivery.event for delivery in again] == [task(0), task(1)]
        assert await commit(subscription, again) == []
        assert len(await records(store, "task:a")) == 2


async def test_published_with_effects(installation: Installation) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        (position,) = await bus.publish([(AwsTask.type, task(1))], [record_of(task(1))])
        await bus.publish([], [record_of(task(2))])
        assert len(await records(store, "task:a")) == 2
        subscription = await bus.subscribe("work", [AwsTask.type])
        (delivery,) = await fetch_all(subscription, 1)
        assert delivery.position == position


async def test_a_repeated_publication_counts_once(installation: Installation) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        for _ in range(2):
            await publish_tasks(bus, 3)
        made_by_a_replay = (AwsDone.type, done(task(7)))
        for _ in range(2):
            await bus.publish([made_by_a_replay])
        async with working(bus):
            await until_handled(bus, "work")
        assert len(await records(store, "task:a")) == 3
        assert len(await results(bus, 4)) == 4
        assert await lag(bus, "after") == 0


async def test_what_is_redriven_or_replayed_passes_all_groups_that_follow(
    installation: Installation,
) -> None:
    async with opened(installation) as process:
        bus, store, _ = process
        await make_groups(bus)
        await bus.create_topic(redrive_topic("work"), groups=["work"])
        await publish_tasks(bus, 1)
        async with working(bus):
            await until_handled(bus, "work")
            for _ in range(2):
                await bus.publish([(redrive_topic("work"), task(0))])
                await until_handled(bus, "work")
        assert len(await records(store, "task:a")) == 3
        await bus.publish([(AwsDone.type, done(task(0)))])
        found = await results(bus, 4)
    assert len({event.id for event in found}) == 1


async def test_what_is_published_for_a_group_waits_for_its_first_worker(
    installation: Installation,
) -> None:
    async with opened(installation) as process:
        bus, _, _ = process
        topics = [redrive_topic("work"), AwsTask.type]
        await asyncio.gather(*(bus.create_topic(topic, groups=["work"]) for topic in topics))
        groups = {info.topic: [group.group for group in info.groups] for info in await bus.topics()}
        assert groups == {key: ["work"] for key in topics}
        await publish_tasks(bus, 3)
        await bus.publish([(redrive_topic("work"), task(9))])
        assert await lag(bus, "work") == 4
        subscription = await bus.subscribe("work", [AwsTask.type, redrive_topic("work")])
        held = await fetch_all(subscription, 4)
        await subscription.commit(Batch(held))
        await subscription.close()


async def test_who_works_elsewhere_is_seen(installation: Installation) -> None:
    def elsewhere(infos: Any) -> bool:
        (group,) = [group for info in infos if info.topic == AwsTask.type for group in info.groups]
        return bool(group.works_elsewhere)

    async with opened(installation) as process, opened(installation) as other:
        await make_groups(process.bus)
        assert not elsewhere(await process.bus.topics())
        async with working(other.bus):
            assert elsewhere(await process.bus.topics())
            assert not elsewhere(await other.bus.topics())
        assert not elsewhere(await process.bus.topics())


async def test_numbers_of_results_are_those_of_the_tasks(installation: Installation) -> None:
    async with opened(installation) as process:
        await make_groups(process.bus)
        await publish_tasks(process.bus, 6, "ab")
        async with working(process.bus):
            await until_handled(process.bus, "work")
        found = await numbers(process, await results(process.bus, 6))
    assert sorted(found) == sorted(("ab"[number % 2], number) for number in range(6))
