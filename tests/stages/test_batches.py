"""Handlers that take a list: one call and one commit, and each event for itself where one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from lineal.bus.protocol import Delivery
from lineal.effects.state import StateChange
from lineal.errors import HandlerTimeout
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, Reject, Retry, Stage, stage
from lineal.stages.pipeline import Invocation
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy
from lineal.stages.runner import RunnerSettings
from lineal_schemas.envelope import decode
from lineal_schemas.failures import DeadLetter, EventFailed
from tests.conformance.workload import Done, Task
from tests.stages.attempting import attempt_all, executor_of
from tests.stages.scripted import Noted, ScriptedSubscription, delivery, handled_by


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as opened:
        yield opened


def batching(
    answer: Callable[[list[Task]], list[Done | None]], called: list[int], **options: Any
) -> Stage:
    @stage("work", version="1", produces=Done, **options)
    async def work(tasks: list[Task], ctx: Context) -> list[Done | None]:
        called.append(len(tasks))
        assert [event.partitionkey for event in ctx.events] == [task.key for task in tasks]
        return answer(tasks)

    return work


def done(tasks: list[Task]) -> list[Done | None]:
    return [Done(key=task.key, number=task.number) for task in tasks]


def events(count: int) -> list[Delivery]:
    return [delivery(number, f"key-{number}") for number in range(count)]


async def run(runtime: Runtime, declared: Stage, count: int = 5) -> ScriptedSubscription:
    """Have events of different keys handled, to their end."""
    quick = RetryPolicy(attempts=1, costly_attempts=1)

    async def no_pause(seconds: float) -> None: ...

    executor = executor_of(runtime, declared, pause=no_pause)
    return await handled_by(executor, events(count), RunnerSettings(retry=quick))


def ends(subscription: ScriptedSubscription) -> tuple[list[int], dict[int, str]]:
    """The numbers of what was made, and of dead letters with what they say."""
    made, letters = [], {}
    for batch in subscription.batches:
        for _, event in batch.outputs:
            payload = decode(event).data
            if isinstance(payload, DeadLetter):
                letters[payload.offset] = payload.message
            elif not isinstance(payload, EventFailed):
                assert isinstance(payload, Done)
                made.append(payload.number)
    return sorted(made), letters


async def test_a_batch_is_one_call_and_one_commit(runtime: Runtime) -> None:
    called: list[int] = []
    subscription = await run(runtime, batching(done, called))
    assert called == [5]
    assert [len(batch.acks) for batch in subscription.batches] == [5]
    assert ends(subscription) == ([0, 1, 2, 3, 4], {})


async def test_a_batch_has_no_more_events_than_the_stage_says(runtime: Runtime) -> None:
    called: list[int] = []
    await run(runtime, batching(done, called, batch=2))
    assert called == [2, 2, 1]


async def test_an_answer_of_a_wrong_length_is_a_dead_letter_for_each(runtime: Runtime) -> None:
    subscription = await run(runtime, batching(lambda tasks: [*done(tasks), None], []))
    made, letters = ends(subscription)
    assert made == []
    assert sorted(letters) == [0, 1, 2, 3, 4]
    assert all("for a batch of 1" in message for message in letters.values())


@pytest.mark.parametrize(
    "error", [Reject("poison"), ValueError("poison"), Retry("poison"), HandlerTimeout("poison")]
)
async def test_an_event_that_fails_takes_no_other_of_its_batch_along(
    runtime: Runtime, error: Exception
) -> None:
    """Even where one attempt is all there is: that of the batch is nobody's own."""
    called: list[int] = []
    patience = 3

    def answer(tasks: list[Task]) -> list[Done | None]:
        nonlocal patience
        if any(task.number == 3 for task in tasks):
            patience -= isinstance(error, Retry)
            if patience:
                raise error
        return done(tasks)

    subscription = await run(runtime, batching(answer, called))
    made, letters = ends(subscription)
    if isinstance(error, Retry):
        assert (made, letters) == ([0, 1, 2, 3, 4], {})
    else:
        assert (made, letters) == ([0, 1, 2, 4], {3: "poison"})
        assert called == [5, 1, 1, 1, 1, 1], "each on its own"


async def test_what_belongs_to_one_event_is_refused_where_there_are_several(
    runtime: Runtime,
) -> None:
    errors: Noted[str] = Noted()

    @stage("work", version="1", produces=Done, memo=False)
    async def work(tasks: list[Task], ctx: Context) -> list[Done | None]:
        for attribute in ("state", "timers"):
            with pytest.raises(TypeError) as caught:
                getattr(ctx, attribute)
            errors.note(str(caught.value))
        return done(tasks)

    await run(runtime, work, count=1)
    assert all("take one payload, not a list" in error for error in errors) and len(errors) == 2


async def test_what_belongs_to_one_event_is_kept_in_the_context_of_that_event(
    runtime: Runtime,
) -> None:
    """Its state, timer, attributes, skip and failure, whatever becomes of the others."""

    @stage("work", version="1", produces=Done, memo=False)
    async def work(tasks: list[Task], ctx: Context) -> list[Done | None]:
        await ctx.objects.put(b"of all", "text/plain", "part")
        answers: list[Done | None] = []
        for task, own in zip(tasks, ctx.each, strict=True):
            own.annotate(number=task.number)
            await own.state.put(own.event.partitionkey, task.number)
            answers.append(None if task.number in (1, 2) else done([task])[0])
            if task.number == 1:
                own.skip("nothing new")
            elif task.number == 2:
                own.fail(Reject("poison"))
        return answers

    executor = executor_of(runtime, work)
    ended = await attempt_all(executor, events(5))
    assert [isinstance(item, Invocation) for item in ended] == [n == 2 for n in range(5)]
    results = [item for item in ended if isinstance(item, StepResult)]
    changes = [item for result in results for item in result.effects]
    assert {item.key: item.after for item in changes if isinstance(item, StateChange)} == {
        f"key-{number}": str(number).encode() for number in (0, 1, 3, 4)
    }
    for number, result in zip((0, 1, 3, 4), results, strict=True):
        assert result.record is not None
        [step] = result.record.steps
        assert step.attributes == {"number": number}
        assert step.reason == ("nothing new" if number == 1 else None)
        assert "part" in {made.role for made in step.outputs}
    subscription = await run(runtime, work)
    assert ends(subscription) == ([0, 3, 4], {2: "poison"})


async def test_a_context_of_each_event_is_refused_where_there_is_one(runtime: Runtime) -> None:
    errors: Noted[str] = Noted()

    @stage("work", version="1", produces=Done, memo=False)
    async def work(task: Task, ctx: Context) -> Done:
        with pytest.raises(TypeError) as caught:
            assert ctx.each
        errors.note(str(caught.value))
        return Done(key=task.key, number=task.number)

    await run(runtime, work, count=1)
    assert "not given a list" in errors[0]


async def test_what_a_batch_puts_is_committed_once(runtime: Runtime) -> None:
    @stage("work", version="1", produces=Done)
    async def work(tasks: list[Task], ctx: Context) -> list[Done | None]:
        for task in tasks:
            await ctx.objects.put(task.key.encode(), "text/plain", "part")
        return done(tasks)

    subscription = await run(runtime, work)
    (batch,) = subscription.batches
    assert sum(effect.kind == "object" for effect in batch.effects) == 5
