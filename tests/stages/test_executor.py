"""From one event to one result: derived ids, lineage as a by-product, memo, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import pytest

from lineal.errors import (
    BusUnavailable,
    ObjectMissing,
    PermanentFailure,
    StoreUnavailable,
    WrongConfiguration,
)
from lineal.lineage.record import UsedArtifact
from lineal.runtime import Runtime
from lineal.stages import Context, Reject, Retry, Stage, stage
from lineal.stages.executor import StageExecutor
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy
from lineal.store.objects import SMALL_BYTES
from lineal_catalog.search.effect import SearchEntries
from lineal_catalog.search.entries import SearchPage, search
from lineal_schemas.objects import ObjectRef
from tests.conformance.workload import Done, Joined, Piece, Task
from tests.stages.attempting import attempt, executor_of, keep
from tests.stages.making import Config, delivered, done, making, outputs, step_of, task, twice


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


async def test_a_configuration_that_does_not_fit_is_refused_when_binding(runtime: Runtime) -> None:
    runtime.settings.stages["make"] = {"depth": "deep"}
    with pytest.raises(WrongConfiguration, match=r"stages\.make"):
        runtime.bind(making(done, config=Config))


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
