"""``lineal examples run serving``: a model of customers answers, and a bad one does not."""

from __future__ import annotations

from contextlib import asynccontextmanager
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lineal_cli.examples.example_run import ExampleRun
    from lineal_producers.serving.server import ModelServer

_STAGES = (
    "tables", "retrain", "retrain.train", "retrain.evaluate", "retrain.promote", "serving.test",
    "serving",
)  # fmt: skip


async def show(example: ExampleRun) -> list[str]:
    """A model is learnt and answers; the next takes over by shares; a bad one gets nothing."""
    from lineal_schemas.serving import ServingTested

    model = {"kind": "table", "target": "churn", "task": "classification", "min_leaf_rows": 20,
             "rounds": 200, "min_new_rows": 100, "promotion": "manual",
             "purpose": "Who will not buy anything within 90 days."}  # fmt: skip
    rules = {"shadow_requests": 20, "steps": [0.25, 0.5], "step_requests": 30, "runs": 50,
             "max_score_shift": 0.6, "max_latency_ms": 5e3, "ignored_latency_ms": 5e3}  # fmt: skip
    settings = {
        "retrain": {"models": {"churn": model}},
        "tables": {"models": {"customers": ["churn"]}, "retrain_seconds": 0},
        "serving": {"models": {"churn": rules}},
    }
    async with example.running(_STAGES, settings):
        example.report("a model of 1500 customers is learnt, and a person puts it into use ...")
        await _learn(example, 1500, 1)
        await _promote(example, 1)
        async with _serving(example) as server:
            await _until(server, lambda: server.ready)
            first = await _ask(server)
            example.report("one of more customers is learnt, and answers more and more ...")
            await _learn(example, 2500, 2)
            await _promote(example, 2)
            shares = await _ask_until_taken_over(server, example, 2)
            example.report("somebody puts a model into use that answers the opposite ...")
            await _plant_opposite(example, server)
            await example.until(ServingTested, 3)
            refused = (await example.events_of(ServingTested))[-1]
            last = await _ask(server)
    failed = [check for check in refused.checks if not check.passed]
    return [
        f"version {first}, the first, answered after its tests",
        "version 2 computed in the shadow, then answered "
        + ", ".join(f"{share:.0%}" for share in shares)
        + ", then all: `lineal serving status churn` has every step",
        f"the third, put into use by hand, got no request: {failed[0].name}, {failed[0].message}",
        f"version {last} still answers",
        "`lineal serve churn` does the same at http://127.0.0.1:8490/v2/models/churn/infer",
    ]


async def _learn(example: ExampleRun, customers: int, version: int) -> None:
    from lineal_cli.examples.customers import orders_arrive
    from lineal_schemas.models import ModelEvaluated

    await orders_arrive(example, customers, version, as_of_day=399 + version)
    await example.until(ModelEvaluated, version)


async def _promote(example: ExampleRun, version: int) -> None:
    from lineal_catalog.models.acts import promote
    from lineal_catalog.models.queries import find_model

    await example.runtime.flush_ledger()
    info = await example.runtime.store.read(lambda c: find_model(c, "churn", version))
    await promote(example.runtime, info, "the example")


async def _plant_opposite(example: ExampleRun, server: ModelServer) -> None:
    """Put a file into use whose answers are those of the model in use turned around."""
    import onnx

    from lineal.store.objects import reference
    from lineal_schemas.models import ModelPromoted, ModelRef

    package = server.package_of(None)
    graph = onnx.load_model_from_string(await example.runtime.objects.get(package.artifact))
    slope = next(one for one in graph.graph.initializer if one.name == "slope")
    turned = onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(slope), "slope")
    slope.CopyFrom(turned)
    data = graph.SerializeToString()
    stored = await example.runtime.objects.put_file(BytesIO(data))
    await _evaluated(example, stored.sha256, len(data))
    await example.publish(
        ModelPromoted(
            name="churn",
            model=ModelRef(name="churn", version=3, sha256=stored.sha256),
            previous=package.model,
            how="manual",
            by="example",
            counter=3,
            artifact=reference(stored.sha256, len(data), "application/x-onnx"),
            reason="by mistake",
        )
    )


async def _evaluated(example: ExampleRun, sha256: str, size: int) -> None:
    """Have it evaluated as any other, so that golden samples are recorded of it."""
    from lineal.store.objects import reference
    from lineal_schemas.envelope import now_us
    from lineal_schemas.models import (
        EvaluationTarget,
        ModelEvaluated,
        ModelRef,
        ModelTrainingRequested,
    )

    before = len(await example.events_of(ModelEvaluated))
    target = EvaluationTarget(
        model=ModelRef(name="churn", version=3, sha256=sha256),
        artifact=reference(sha256, size, "application/x-onnx"),
        iteration=2,
    )
    await example.publish(
        ModelTrainingRequested(name="churn", cause="manual", requested_us=now_us(), evaluate=target)
    )
    await example.until(ModelEvaluated, before + 1)
    await example.runtime.flush_ledger()


@asynccontextmanager
async def _serving(example: ExampleRun) -> AsyncIterator[ModelServer]:
    import asyncio

    from lineal_producers.serving.server import ModelServer

    server = ModelServer(example.runtime, "churn")
    running = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _until(server: ModelServer, condition: Callable[[], bool]) -> None:
    import asyncio

    async with asyncio.timeout(60), server.changed:
        await server.changed.wait_for(condition)


async def _ask(server: ModelServer) -> int:
    """Ask for a customer, as over HTTP; which version answered."""
    import random

    import orjson

    from lineal_cli.examples.customers import DEFINITION
    from lineal_producers.serving.protocol import read_request

    columns = DEFINITION.count("[features.")
    values = [random.uniform(0, 90) for _ in range(columns)]  # noqa: S311
    tensor = {"name": "features", "shape": [1, columns], "datatype": "FP32", "data": values}
    body = orjson.dumps({"inputs": [tensor]})
    package, _ = await server.infer(read_request(body, server.package_of(None), 1))
    return package.model.version


async def _ask_until_taken_over(
    server: ModelServer, example: ExampleRun, version: int
) -> list[float]:
    """Ask until a version answers everything; the shares that it had."""
    import asyncio

    from lineal_schemas.serving import ServingCanaryStarted, ServingCompleted

    async with asyncio.timeout(90):
        while len(await example.events_of(ServingCompleted)) < version:
            for _ in range(10):
                await _ask(server)
            await asyncio.sleep(0.01)
    canaries = await example.events_of(ServingCanaryStarted)
    return [event.share for event in canaries]
