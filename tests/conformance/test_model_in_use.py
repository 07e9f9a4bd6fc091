"""A person and a stage change the model in use at once: both are counted, or one sees the other."""

from __future__ import annotations

import asyncio

import pytest

from lineal.errors import StateConflict
from lineal.runtime import Runtime
from lineal.stages.result import to_batch
from lineal.stages.retry import RetryPolicy
from lineal_catalog.models.acts import promote
from lineal_catalog.models.promotions import KnownModel, model_in_use, promotions_of
from lineal_catalog.models.queries import ModelInfo
from lineal_consumers.retrain.stage import promote as promote_stage
from lineal_schemas.models import ModelEvaluated, ModelPromoted, ModelRef, ModelTrained, Provenance
from lineal_schemas.objects import ObjectRef
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    payload_of,
    publish,
    running,
    until_settled,
)

PROVENANCE = Provenance(
    seeds={"seed": 7}, threads=1, code_sha256="c" * 64, python="3.11.9", platform="x86_64-linux"
)


def model(version: int) -> ModelRef:
    return ModelRef(name="turbine", version=version, sha256=f"{version:064x}")


def file_of(ref: ModelRef) -> ObjectRef:
    return ObjectRef(uri="", sha256=ref.sha256, bytes=9, media_type="application/x-onnx")


def known(version: int) -> ModelInfo:
    ref = model(version)
    trained = ModelTrained(
        name=ref.name, model=ref, iteration=1, algorithm="pca", artifact=file_of(ref),
        dataset="d" * 64, manifest=file_of(ref), provenance=PROVENANCE,
    )  # fmt: skip
    of_it = KnownModel(ref.name, version, ref.sha256, "e" * 64, 1)
    return ModelInfo(of_it, trained, "trained", None)


def passed(version: int, champion: ModelRef | None) -> ModelEvaluated:
    ref = model(version)
    return ModelEvaluated(
        name=ref.name, model=ref, champion=champion, iteration=1, dataset="d" * 64, metrics={},
        passed=True, artifact=file_of(ref),
    )  # fmt: skip


async def changes(runtime: Runtime) -> list[ModelPromoted]:
    found = [payload_of(event) for event in await events_on(runtime, ModelPromoted.type)]
    return sorted(
        [item for item in found if isinstance(item, ModelPromoted)], key=lambda item: item.counter
    )


async def test_two_people_and_a_stage_that_promote_at_once_have_a_number_each(
    bus: BusUnderTest,
) -> None:
    bus.settings.stages["retrain"] = {"models": {"turbine": {"kind": "readings"}}}
    async with bus.open() as runtime, bus.open() as other:
        await promote(runtime, known(1), None)
        async with running(runtime, promote_stage):
            await asyncio.gather(
                promote(runtime, known(2), None),
                publish(runtime, passed(3, model(1))),
                promote(other, known(4), None),
            )
            await until_settled(runtime, "retrain.promote")
        made = await changes(runtime)
        assert [item.counter for item in made] == list(range(1, len(made) + 1))
        before = [None, *(item.model for item in made[:-1])]
        assert [item.previous for item in made] == before, "each knows which it follows"
        await runtime.flush_ledger()
        recorded = await runtime.store.read(lambda c: promotions_of(c, "turbine"))
        assert [(item.counter, item.sha256) for item in recorded] == [
            (item.counter, item.model.sha256) for item in made
        ]
        in_use = await runtime.store.read(lambda c: model_in_use(c, "turbine"))
        assert in_use is not None
        assert in_use.sha256 == made[-1].model.sha256
        assert {2, 4} <= {item.model.version for item in made}, "no person's act is lost"


async def test_a_promotion_by_a_stage_that_a_person_overtakes_is_made_anew(
    bus: BusUnderTest,
) -> None:
    """Its number is taken while it is committed: it was compared with what is out of use then."""
    bus.settings.stages["retrain"] = {"models": {"turbine": {"kind": "readings"}}}
    async with bus.open() as runtime:
        await promote(runtime, known(1), None)
        await publish(runtime, passed(2, model(1)))
        subscription = await runtime.bus.subscribe("retrain.promote", [ModelEvaluated.type])
        (delivery,) = await subscription.fetch(1, 5.0)
        executor = runtime.bind(promote_stage)
        stage_result = await executor.handle(delivery, RetryPolicy())
        assert stage_result.outputs
        await promote(runtime, known(3), None)
        with pytest.raises(StateConflict):
            await runtime.committer.commit_of(subscription)(to_batch([stage_result]))
        again = await executor.handle(delivery, RetryPolicy())
        assert again.record is not None
        assert (again.outputs, again.record.steps[0].attributes["promoted"]) == ([], "outdated")
        await runtime.committer.commit_of(subscription)(to_batch([again]))
        assert [item.model.version for item in await changes(runtime)] == [1, 3]
