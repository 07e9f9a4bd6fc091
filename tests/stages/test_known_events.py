"""An event counts once in a group, however often and far apart it is published."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.dead_letters import LetterFilter, redrive, waiting_letters
from lineal.effects.seen import WINDOW_US, sweep_seen
from lineal.lineage.ledger import steps_of_event
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, Stage, stage
from lineal.testing import StageHarness
from lineal_schemas.envelope import RawEvent, first_event
from tests.conformance.harness import events_on, payload_of, records, running, until_settled
from tests.conformance.workload import Done, Task
from tests.stages.attempting import executor_of

MINUTE, DAY = 60, 86_400


@stage("work", version="1", produces=Done, memo=False)
async def with_state(task: Task, ctx: Context) -> Done:
    count = (await ctx.state.get(task.key, int) or 0) + 1
    await ctx.state.put(task.key, count)
    return Done(key=task.key, number=task.number, text=f"{count}")


@stage("work", version="1", produces=Done, memo=False)
async def without_memo(task: Task, ctx: Context) -> Done:
    return Done(key=task.key, number=task.number, text=f"{ctx.now()}")


@stage("work", version="1", produces=Done)
async def pure(task: Task) -> Done:
    return Done(key=task.key, number=task.number)


NEEDING_IT = pytest.mark.parametrize("declared", [with_state, without_memo], ids=["state", "plain"])


class Group:
    """A group of one stage that works now and then, under a clock that is turned."""

    def __init__(self, folder: Path, declared: Stage) -> None:
        self._settings = Settings(data=folder, durability="normal", partitions=2)
        self._declared = declared
        self.now = 1_767_225_600_000_000

    def turn(self, seconds: int) -> None:
        self.now += seconds * 1_000_000

    def open(self) -> AbstractAsyncContextManager[Runtime]:
        return open_runtime(self._settings)

    async def publish(self, *events: RawEvent) -> None:
        async with self.open() as runtime:
            await runtime.bus.publish([(event.type, event) for event in events])

    async def work(self) -> None:
        """Handle what there is, and end; what is too old is forgotten as a daemon does."""
        async with self.open() as runtime:
            await runtime.store.write(lambda c: sweep_seen(c, self.now - WINDOW_US))
            executor = executor_of(runtime, self._declared, now=lambda: self.now)
            async with running(runtime, executor):
                await until_settled(runtime, "work")

    async def made(self) -> list[int]:
        """The numbers of all outputs."""
        async with self.open() as runtime:
            return sorted(payload_of(event).number for event in await events_on(runtime, Done.type))


def event(number: int, *, key: str = "a", id: str | None = None) -> RawEvent:
    return first_event(Task(key=key, number=number), id=id or f"event-{number}", source="test:x")


def others() -> list[RawEvent]:
    return [event(number, key="abc"[number % 3]) for number in range(10, 16)]


@NEEDING_IT
@pytest.mark.parametrize("seconds", [0, MINUTE, 13 * DAY])
async def test_one_published_twice_counts_once(
    tmp_path: Path, declared: Stage, seconds: int
) -> None:
    group = Group(tmp_path, declared)
    await group.publish(event(1))
    await group.work()
    await group.publish(*others())
    await group.work()
    group.turn(seconds)
    await group.publish(event(1), event(2))
    await group.work()
    assert await group.made() == [1, 2, *range(10, 16)]
    async with group.open() as runtime:
        outcomes = [
            record.outcome for record in await records(runtime, "task:a")
            if record.events_in == ("event-1",)
        ]  # fmt: skip
    assert outcomes == ["done", "skipped"]


@NEEDING_IT
@pytest.mark.parametrize("key", ["a", "b"], ids=["same key", "other key"])
async def test_one_published_twice_at_the_same_time_counts_once(
    tmp_path: Path, declared: Stage, key: str
) -> None:
    """Also when both are handled side by side, for they are of two keys."""
    group = Group(tmp_path, declared)
    await group.publish(event(1), *others(), event(1, key=key))
    await group.work()
    assert await group.made() == [1, *range(10, 16)]


@NEEDING_IT
async def test_after_the_window_it_counts_again(tmp_path: Path, declared: Stage) -> None:
    group = Group(tmp_path, declared)
    await group.publish(event(1))
    await group.work()
    group.turn(14 * DAY + 1)
    await group.publish(event(1))
    await group.work()
    assert await group.made() == [1, 1]


@NEEDING_IT
async def test_a_group_that_is_moved_back_handles_again_what_it_handled(
    tmp_path: Path, declared: Stage
) -> None:
    group = Group(tmp_path, declared)
    await group.publish(event(1), event(2, key="b"), event(1))
    await group.work()
    async with group.open() as runtime:
        await runtime.bus.seek("work", Task.type, offset=0, time=None)
    await group.work()
    assert await group.made() == [1, 1, 2, 2], "and not what it left out"


async def test_what_is_published_twice_is_made_twice_under_one_id_where_nothing_counts(
    tmp_path: Path,
) -> None:
    group = Group(tmp_path, pure)
    await group.publish(event(1), event(1))
    await group.work()
    async with group.open() as runtime:
        assert len({found.id for found in await events_on(runtime, Done.type)}) == 1


def failing_until(repaired: Callable[[], bool]) -> Stage:
    @stage("work", version="1", produces=Done, memo=False)
    async def work(task: Task, ctx: Context) -> Done:
        count = (await ctx.state.get(task.key, int) or 0) + 1
        await ctx.state.put(task.key, count)
        if not repaired():
            raise ValueError("broken")
        return Done(key=task.key, number=task.number, text=f"{count}")

    return work


async def test_a_dead_letter_that_is_redriven_is_handled(tmp_path: Path) -> None:
    repaired = False
    group = Group(tmp_path, failing_until(lambda: repaired))
    await group.publish(event(1))
    await group.work()
    await group.publish(event(1))
    await group.work()
    async with group.open() as runtime:
        (letter,) = await waiting_letters(runtime, LetterFilter())
        await redrive(runtime, [letter])
    repaired = True
    await group.work()
    assert await group.made() == [1]
    await group.publish(event(1))
    await group.work()
    assert await group.made() == [1], "published again, it is known"
    async with group.open() as runtime:
        await runtime.bus.seek("work", Task.type, offset=0, time=None)
    await group.work()
    assert await group.made() == [1, 1], "moved back, it is handled again"


async def test_one_that_cannot_be_looked_at_is_a_dead_letter_each_time(tmp_path: Path) -> None:
    group = Group(tmp_path, with_state)
    malformed = event(1)._replace(data=b"{}", datacontenttype=REFERENCE_MEDIA_TYPE)
    for count in (1, 2):
        await group.publish(malformed)
        await group.work()
        async with group.open() as runtime:
            assert len(await waiting_letters(runtime, LetterFilter())) == count


async def test_one_that_failed_when_it_was_handled_again_can_be_redriven(tmp_path: Path) -> None:
    """That it was handled before is known, and no reason to leave it out."""
    repaired = True
    group = Group(tmp_path, failing_until(lambda: repaired))
    await group.publish(event(1))
    await group.work()
    repaired = False
    async with group.open() as runtime:
        await runtime.bus.seek("work", Task.type, offset=0, time=None)
    await group.work()
    async with group.open() as runtime:
        (letter,) = await waiting_letters(runtime, LetterFilter())
        await redrive(runtime, [letter])
    repaired = True
    await group.work()
    assert await group.made() == [1, 1]


async def test_two_sources_that_give_the_same_id_are_two_events(tmp_path: Path) -> None:
    group = Group(tmp_path, with_state)
    of_x = event(1, id="1")
    await group.publish(of_x, of_x._replace(source="test:y"), of_x)
    await group.work()
    async with group.open() as runtime:
        counted = [payload_of(made).text for made in await events_on(runtime, Done.type)]
    assert counted == ["1", "2"]


async def test_what_is_made_of_events_of_two_sources_with_one_id_are_two_events() -> None:
    @stage("after", version="1", memo=False)
    async def after(done: Done, ctx: Context) -> None:
        ctx.annotate(text=done.text)

    of_x = first_event(Task(key="a", number=1), id="1", source="test:x")
    async with StageHarness(with_state, after) as harness:
        for source in ("test:x", "test:y", "test:x"):
            await harness.send(of_x._replace(source=source))
        assert len({made.id for made in harness.events()}) == 2
        steps = [step for step in harness.records if step.build and step.build.stage == "after"]
        assert [step.attributes["text"] for step in steps] == ["1", "2"]
        # The ledger derives the same ids, and each event leads to its own steps.
        for made in harness.events():
            makers = await harness.runtime.store.read(partial(steps_of_event, event_id=made.id))
            assert [step.events_out for step in makers if made.id in step.events_out] == [
                (made.id,)
            ]


async def test_one_that_is_made_again_finds_what_it_has_changed_before(tmp_path: Path) -> None:
    group = Group(tmp_path, with_state)
    await group.publish(event(1, id="1"))
    await group.work()
    await group.publish(
        event(1, id="1")._replace(supersedes="0b6c7f2e-1d0c-5d0a-8a58-8a1f1b8f3c55")
    )
    await group.work()
    async with group.open() as runtime:
        counted = [payload_of(made).text for made in await events_on(runtime, Done.type)]
    assert counted == ["1", "2"]
