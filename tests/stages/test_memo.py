"""The memo answers for equal work, and the envelope of what is emitted again is made anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lineal.bus.protocol import Delivery, Position
from lineal.runtime import Runtime
from lineal.stages import Stage
from lineal_schemas.envelope import RawEvent, decode, first_event
from lineal_schemas.ids import cause_id, output_id, source_mark
from lineal_schemas.payload import Payload, upcaster
from tests.conformance.workload import Done, Task
from tests.stages.attempting import attempt, attempt_all, keep
from tests.stages.making import Config, delivered, done, making, outputs, step_of, task


async def test_the_memo_answers_only_for_the_same_work(runtime: Runtime) -> None:
    calls: list[int] = []

    async def act(task: Task, ctx: Any) -> Done:
        calls.append(task.number)
        return await done(task, ctx)

    async def run(version: str = "1", number: int = 1, id: str = "e", **config: int) -> str:
        runtime.settings.stages["make"] = dict(config)
        bound = runtime.bind(making(act, version, config=Config))
        result = await attempt(bound, delivered(Task(key="a", number=number), id))
        await keep(runtime, result)
        return step_of(result).outcome

    assert await run() == "done"
    assert await run() == "memoised"
    assert await run(id="another event of the same content") == "memoised"
    assert await run(depth=1) == "memoised", "the default, stated"
    assert await run(number=2) == "done"
    assert await run(version="2") == "done"
    assert await run(depth=2) == "done"
    assert calls == [1, 2, 1, 1]


async def test_many_are_asked_of_the_memo_at_once_with_the_same_answer(runtime: Runtime) -> None:
    bound = runtime.bind(making(done))
    await keep(runtime, *[await attempt(bound, task(n)) for n in (1, 2)])
    deliveries = [task(n)._replace(position=Position("t", 0, n)) for n in (1, 2, 3)]
    steps = [step_of(invocation) for invocation in await attempt_all(bound, deliveries)]
    assert [step.outcome for step in steps] == ["memoised", "memoised", "done"]


class Told(Payload, type="test.told", version=1):
    about: str

    def partition_key(self) -> str:
        return f"key of {self.about}"

    def correlation_key(self) -> str:
        return f"story of {self.about}"


async def test_what_is_remembered_is_emitted_as_it_was_the_first_time(runtime: Runtime) -> None:
    async def act(task: Task, ctx: Any) -> list[Payload]:
        return [Told(about="x"), Done(key="b", number=2), Told(about="y")]

    bound = runtime.bind(making(act, produces=(Told, Done)))
    first = await attempt(bound, task())
    await keep(runtime, first)
    again = await attempt(bound, task())
    assert step_of(again).outcome == "memoised"
    assert [event._replace(time=0) for event in outputs(again)] == [
        event._replace(time=0) for event in outputs(first)
    ]


async def test_what_is_remembered_in_an_older_version_is_emitted_in_the_newest(
    runtime: Runtime,
) -> None:
    class Older(Payload, type="test.remembered", version=1):
        name: str

    async def make_older(task: Task, ctx: Any) -> Older:
        return Older(name="x")

    stage = making(make_older, produces=Older)
    await keep(runtime, await attempt(runtime.bind(stage), task()))

    class Newer(Payload, type="test.remembered", version=2):
        title: str

    @upcaster("test.remembered", from_version=1)
    def to_title(fields: dict[str, Any]) -> dict[str, Any]:
        return {"title": fields["name"]}

    newer = replace(stage, produces=(Newer,))
    (event,) = outputs(await attempt(runtime.bind(newer), task()))
    assert decode(event).data == Newer(title="x")
    assert event.dataschema == "urn:lineal:schema:test.remembered:2"


async def test_a_stage_without_memo_works_every_time(runtime: Runtime) -> None:
    bound = runtime.bind(making(done, memo=False))
    for _ in range(2):
        result = await attempt(bound, task())
        await keep(runtime, result)
    assert step_of(result).outcome == "done"


async def test_outputs_made_from_the_envelope_are_made_for_each_event(runtime: Runtime) -> None:
    """Two events of the same data have envelopes of their own, and so have their outputs."""

    async def act(task: Task, ctx: Any) -> Done:
        return Done(key=task.key, number=task.number, text=f"{ctx.event.id} {ctx.event.subject}")

    async def run(declared: Stage, id: str, subject: str) -> tuple[str, str]:
        event = first_event(Task(key="a", number=1), id=id, source="test:x")
        delivery = Delivery(Position(Task.type, 0, 0), event._replace(subject=subject))
        result = await attempt(runtime.bind(declared), delivery)
        await keep(runtime, result)
        (output,) = outputs(result)
        return step_of(result).outcome, Done.model_validate_json(output.data).text

    reading = making(act)
    assert await run(reading, "e-1", "one") == ("done", "e-1 one")
    assert await run(reading, "e-2", "two") == ("done", "e-2 two")
    assert await run(reading, "e-1", "one") == ("memoised", "e-1 one"), "the very same event"


async def test_outputs_of_equal_data_have_the_envelope_of_their_own_event(
    runtime: Runtime,
) -> None:
    bound = runtime.bind(making(done))

    async def run(number: int) -> tuple[str, RawEvent, RawEvent]:
        cause = first_event(Task(key="a", number=1), id=f"e-{number}", source="test:x")
        cause = cause._replace(time=number, correlationid=f"story-{number}")
        result = await attempt(bound, Delivery(Position(Task.type, 0, number), cause))
        await keep(runtime, result)
        step = step_of(result)
        assert (step.subject, step.events_in) == (f"story-{number}", (f"e-{number}",))
        (output,) = outputs(result)
        return step_of(result).outcome, cause, output

    for number, expected in enumerate(["done", "memoised", "memoised"]):
        outcome, cause, output = await run(number)
        assert outcome == expected
        assert (output.causationid, output.correlationid) == (cause.id, cause.correlationid)
        assert output.id == outputs_id(cause)


def outputs_id(cause: RawEvent) -> str:
    input_id = cause_id(cause.id, source_mark(cause.id, cause.source))
    return output_id(input_id, "make", "1", Done.type, 0)


async def test_a_function_that_reads_the_time_is_remembered_for_equal_time_only(
    runtime: Runtime,
) -> None:
    calls = 0

    async def act(task: Task, ctx: Any) -> Done:
        nonlocal calls
        calls += 1
        return Done(key=task.key, number=task.number, text=f"{ctx.event.time}")

    async def run(id: str, time: int) -> tuple[str, str]:
        event = first_event(Task(key="a", number=1), id=id, source="test:x", time=time)
        result = await attempt(runtime.bind(making(act)), Delivery(Position("t", 0, 0), event))
        await keep(runtime, result)
        (output,) = outputs(result)
        return step_of(result).outcome, Done.model_validate_json(output.data).text

    assert await run("e-1", 100) == ("done", "100")
    assert await run("e-2", 100) == ("memoised", "100"), "another event of the same time"
    assert await run("e-3", 200) == ("done", "200")
    assert await run("e-4", 100) == ("memoised", "100")
    assert await run("e-5", 200) == ("memoised", "200")
    assert calls == 2


async def test_the_attributes_that_were_read_are_noted(runtime: Runtime) -> None:
    read: list[Any] = []

    async def act(task: Task, ctx: Any) -> None:
        assert ctx.event.id == ctx.event.id == ctx.events[0].id == "event-1"
        assert (ctx.event.source, ctx.event.type) == ("test:x", Task.type)
        assert (ctx.event.partitionkey, ctx.event.correlation_id) == ("a", "task:a")
        assert ctx.event.causation_id is None
        assert ctx.event.dataschema == "urn:lineal:schema:conformance.task:1"
        read.extend(ctx.envelope_read)

    await attempt(runtime.bind(making(act)), task())
    assert [(item.place, item.name) for item in read] == [
        (0, name)
        for name in (
            "id", "source", "type", "partitionkey", "correlation_id", "causation_id", "dataschema",
        )
    ]  # fmt: skip
