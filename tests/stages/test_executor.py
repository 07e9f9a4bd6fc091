"""From one event to one result: derived ids, lineage as a by-product, memo, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lineal.bus.protocol import Delivery, Position
from lineal.errors import (
    BusUnavailable,
    ObjectMissing,
    PermanentFailure,
    StoreUnavailable,
    WrongConfiguration,
)
from lineal.lineage.record import RecordedStep, UsedArtifact
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, Reject, Retry, Stage, stage
from lineal.stages.executor import StageExecutor
from lineal.stages.pipeline import Invocation
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy
from lineal.store.objects import SMALL_BYTES
from lineal_catalog.search.effect import SearchEntries
from lineal_catalog.search.entries import SearchPage, search
from lineal_schemas.envelope import RawEvent, decode, first_event
from lineal_schemas.ids import cause_id, output_id, source_mark
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload, upcaster
from tests.conformance.workload import Done, Joined, Piece, Task
from tests.stages.attempting import attempt, attempt_all, executor_of, keep


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as opened:
        yield opened


def delivered(payload: Payload, id: str = "event-1", offset: int = 0) -> Delivery:
    event = first_event(payload, id=id, source="test:x")
    return Delivery(Position(payload.type, 0, offset), event)


def task(number: int = 1) -> Delivery:
    return delivered(Task(key="a", number=number), id=f"event-{number}")


def making(act: Callable[[Task, Any], Any], version: str = "1", **options: Any) -> Stage:
    options.setdefault("produces", Done)

    @stage("make", version=version, **options)
    async def make(task: Task, ctx: Any) -> Any:
        return await act(task, ctx)

    return make


async def done(task: Task, ctx: Any) -> Done:
    return Done(key=task.key, number=task.number)


async def twice(task: Task, ctx: Any) -> list[Done]:
    return [Done(key="a", number=1), Done(key="a", number=2)]


def outputs(result: StepResult) -> list[RawEvent]:
    return [event for _, event in result.outputs]


def step_of(result: StepResult | Invocation) -> RecordedStep:
    assert result.record is not None
    (step,) = result.record.recorded()
    return step


async def test_output_ids_are_the_same_at_every_delivery(runtime: Runtime) -> None:
    bound = runtime.bind(making(twice))
    first, again = [outputs(await attempt(bound, task())) for _ in range(2)]
    assert [event.id for event in first] == [event.id for event in again]
    assert len({event.id for event in first}) == 2


async def test_output_ids_differ_by_version_and_by_input(runtime: Runtime) -> None:
    ids = [
        outputs(await attempt(runtime.bind(making(done, version)), task(number)))[0].id
        for version in ("1", "2")
        for number in (1, 2)
    ]
    assert len(set(ids)) == 4


async def test_outputs_name_their_cause_and_keep_its_correlation_id_and_trace(
    runtime: Runtime,
) -> None:
    delivery = task()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    delivery = delivery._replace(event=delivery.event._replace(traceparent=trace))
    (output,) = outputs(await attempt(runtime.bind(making(done)), delivery))
    assert (output.causationid, output.correlationid) == ("event-1", "task:a")
    assert output.traceparent is not None
    assert output.traceparent[:36] == trace[:36] and output.traceparent != trace


async def test_an_output_that_was_not_declared_is_refused(runtime: Runtime) -> None:
    bound = runtime.bind(making(done, produces=Joined))
    with pytest.raises(PermanentFailure, match="does not declare"):
        await attempt(bound, task())


@pytest.mark.parametrize("returned", [{"task": "a"}, "text", 3, [None], [{"task": "a"}]])
async def test_what_is_no_payload_is_refused_and_not_tried_again(
    runtime: Runtime, returned: Any
) -> None:
    async def act(task: Task, ctx: Any) -> Any:
        return returned

    bound = runtime.bind(making(act))
    with pytest.raises(PermanentFailure, match="return a payload, a list of payloads, or None"):
        await attempt(bound, task())


async def test_what_is_read_and_made_is_on_record(runtime: Runtime) -> None:
    big = b"x" * (SMALL_BYTES + 1)
    stored = await put(runtime, b"read me", "text/plain")

    async def act(task: Task, ctx: Any) -> Done:
        assert await ctx.objects.get(stored) == b"read me"
        assert (await ctx.objects.path(stored)).read_bytes() == b"read me"
        await ctx.objects.put(b"small", "text/csv", "csv")
        await ctx.objects.put(big, "application/pdf", "pdf")
        ctx.annotate(pages=3, language="de")
        return await done(task, ctx)

    delivery = task()
    result = await attempt(runtime.bind(making(act)), delivery)
    record = step_of(result)
    assert [(item.sha256, item.role) for item in record.inputs] == [
        (sha256(delivery.event.data).hexdigest(), "event"),
        (stored.sha256, "content"),
    ]
    (output,) = outputs(result)
    assert [(item.sha256, item.bytes, item.media_type, item.role) for item in record.outputs] == [
        (sha256(output.data).hexdigest(), len(output.data), "application/json", "event"),
        (sha256(b"small").hexdigest(), 5, "text/csv", "csv"),
        (sha256(big).hexdigest(), len(big), "application/pdf", "pdf"),
    ]
    assert record.attributes == {"pages": 3, "language": "de"}
    assert (record.events_in, record.events_out) == (("event-1",), (output.id,))
    assert (record.kind, record.outcome, record.subject) == ("step", "done", "task:a")
    await keep(runtime, result)
    for data in (b"small", big):
        reference = ObjectRef(
            uri="x:y", sha256=sha256(data).hexdigest(), bytes=len(data), media_type="a/b"
        )
        assert await runtime.objects.get(reference) == data


async def test_fanning_out_a_payload_is_on_record_as_a_split(runtime: Runtime) -> None:
    async def scatter(task: Task, ctx: Any) -> list[Piece]:
        return [Piece(group_id=ctx.event.id, index=index, count=2, key="a") for index in range(2)]

    result = await attempt(runtime.bind(making(scatter, produces=Piece)), task())
    assert step_of(result).kind == "split"
    assert step_of(result).events_out == tuple(event.id for event in outputs(result))


async def test_the_models_a_stage_names_are_on_record_and_part_of_its_identity(
    runtime: Runtime,
) -> None:
    def with_model(sha256: str) -> StageExecutor:
        return runtime.bind(
            making(done, artifacts=lambda config: [UsedArtifact("eng", "1", sha256)])
        )

    first, again, other = [
        await attempt(with_model(digest * 32), task()) for digest in ("0a", "0a", "0b")
    ]
    build = step_of(first).build
    assert build is not None
    assert build.artifacts == (UsedArtifact("eng", "1", "0a" * 32),)
    assert step_of(first).step == step_of(again).step != step_of(other).step


async def put(runtime: Runtime, data: bytes, media_type: str) -> ObjectRef:
    await runtime.objects.put_large(data)
    digest = sha256(data).hexdigest()
    return ObjectRef(uri=f"lineal:{digest}", sha256=digest, bytes=len(data), media_type=media_type)


async def test_a_stage_can_read_what_it_has_just_put(runtime: Runtime) -> None:
    async def act(task: Task, ctx: Any) -> Done:
        ref = await ctx.objects.put(b"mine", "text/plain", "text")
        assert await ctx.objects.get(ref) == b"mine"
        assert (await ctx.objects.path(ref)).read_bytes() == b"mine"
        return await done(task, ctx)

    await attempt(runtime.bind(making(act)), task())


async def test_small_objects_are_written_with_the_step_or_not_at_all(runtime: Runtime) -> None:
    refs: list[ObjectRef] = []

    async def act(task: Task, ctx: Any) -> Done:
        refs.append(await ctx.objects.put(b"mine", "text/plain", "text"))
        return await done(task, ctx)

    result = await attempt(runtime.bind(making(act)), task())
    with pytest.raises(ObjectMissing):
        await runtime.objects.get(refs[0])
    await keep(runtime, result)
    assert await runtime.objects.get(refs[0]) == b"mine"


async def test_a_step_that_fails_keeps_its_objects_and_nothing_else(runtime: Runtime) -> None:
    refs: list[ObjectRef] = []

    async def act(task: Task, ctx: Any) -> Done:
        refs.append(await ctx.objects.put(b"until then", "text/plain", "text"))
        ctx.add_effect(SearchEntries("doc", (SearchPage(1, "findable"),), {}))
        raise Reject("no good")

    result = await handled(runtime, making(act))
    await keep(runtime, result)
    assert step_of(result).outcome == "rejected"
    assert step_of(result).reason == "no good"
    assert [item.role for item in step_of(result).outputs] == [
        "text",
        "dead-letter",
        "event",  # that says so
    ]
    assert await runtime.objects.get(refs[0]) == b"until then"
    assert not search(runtime.database.reader, "findable")


async def handled(
    runtime: Runtime, declared: Stage, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> StepResult:
    policy = RetryPolicy(attempts=2, first_seconds=0.001, max_seconds=0.002)
    return await executor_of(runtime, declared, pause=pause).handle(task(), policy)


async def test_each_attempt_begins_with_nothing_on_record(runtime: Runtime) -> None:
    tried = 0

    async def act(task: Task, ctx: Any) -> Done:
        nonlocal tried
        tried += 1
        ctx.annotate(**{f"attempt{tried}": tried})
        if tried == 1:
            raise ConnectionError
        return await done(task, ctx)

    result = await handled(runtime, making(act))
    assert (step_of(result).attributes, step_of(result).attempt) == ({"attempt2": 2}, 2)


@pytest.mark.parametrize("away", [StoreUnavailable("S3"), BusUnavailable("Kafka")])
async def test_an_outage_uses_up_none_of_the_attempts(runtime: Runtime, away: Exception) -> None:
    failing = iter([ConnectionError(), *[away] * 7, ConnectionError()])

    async def act(task: Task, ctx: Any) -> Done:
        for error in failing:
            raise error
        return await done(task, ctx)

    result = await handled(runtime, making(act))
    assert (step_of(result).outcome, step_of(result).attempt) == ("done", 10)


@pytest.mark.parametrize("value", [1.5, None, b"x", ["a"]])
async def test_facts_are_integers_and_strings(runtime: Runtime, value: Any) -> None:
    async def act(task: Task, ctx: Any) -> Done:
        ctx.annotate(fact=value)
        return await done(task, ctx)

    with pytest.raises(TypeError, match="integers and strings"):
        await attempt(runtime.bind(making(act)), task())


class Config(BaseModel):
    depth: int = 1


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


async def test_a_configuration_that_does_not_fit_is_refused_when_binding(runtime: Runtime) -> None:
    runtime.settings.stages["make"] = {"depth": "deep"}
    with pytest.raises(WrongConfiguration, match=r"stages\.make"):
        runtime.bind(making(done, config=Config))


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


async def test_there_is_nothing_to_do_where_a_stage_skips(runtime: Runtime) -> None:
    async def act(task: Task, ctx: Any) -> Done | None:
        ctx.skip("seen before")
        return None if task.number == 1 else Done(key="a", number=1)

    result = await attempt(runtime.bind(making(act)), task(1))
    assert (step_of(result).outcome, step_of(result).reason) == ("skipped", "seen before")
    assert (list(result.outputs), list(result.effects)) == ([], [])
    with pytest.raises(PermanentFailure, match=r"skipped an event \(seen before\) and returned"):
        await attempt(runtime.bind(making(act)), task(2))


async def test_a_retry_is_waited_for_and_uses_up_none_of_the_attempts(runtime: Runtime) -> None:
    failing = iter([ConnectionError(), *[Retry("not yet", 12.5)] * 7])

    async def act(task: Task, ctx: Any) -> Done:
        for error in failing:
            raise error
        return await done(task, ctx)

    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    result = await handled(runtime, making(act), sleep)
    assert step_of(result).outcome == "done"
    assert pauses[1:] == [12.5] * 7


async def test_a_batch_handler_says_what_each_event_came_to(runtime: Runtime) -> None:
    @stage("batches", version="1", produces=Done)
    async def batches(tasks: list[Task], ctx: Context) -> list[list[Done] | Done | None]:
        assert [event.id for event in ctx.events] == ["event-1"]
        return [[Done(key=task.key, number=n) for n in range(2)] for task in tasks]

    result = await attempt(runtime.bind(batches), task())
    assert [Done.model_validate_json(event.data).number for event in outputs(result)] == [0, 1]


@pytest.mark.parametrize("returned", [[], [None, None], None, Done(key="a", number=1)])
async def test_a_batch_handler_must_answer_for_every_event(runtime: Runtime, returned: Any) -> None:
    async def act(tasks: list[Task], ctx: Context) -> Any:
        return returned

    with pytest.raises(PermanentFailure, match="for a batch of 1"):
        await attempt(runtime.bind(stage("x", version="1", produces=Done)(act)), task())


async def test_each_type_goes_to_its_handler(runtime: Runtime) -> None:
    @stage("several", version="1", produces=Done)
    async def several(task: Task) -> Done:
        return Done(key=task.key, number=1)

    @several.on
    async def joined(joined: Joined) -> Done:
        return Done(key=joined.key, number=2)

    bound = runtime.bind(several)
    found = [
        Done.model_validate_json(outputs(await attempt(bound, delivery))[0].data).number
        for delivery in (task(), delivered(Joined(key="a", group_id="w", indexes=())))
    ]
    assert found == [1, 2]
    taken = "takes conformance.task, conformance.joined, not conformance.done"
    with pytest.raises(PermanentFailure, match=taken):
        await attempt(bound, delivered(Done(key="a", number=1)))
