"""A model is tested before it answers anybody: the very one that went into use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from lineal.testing import StageHarness
from lineal_consumers.serving import stage as stages
from lineal_consumers.serving.config import ServingConfig, ServingRules
from lineal_schemas.models import ModelPromoted, ModelRolledBack
from lineal_schemas.serving import (
    ServingCanaryStarted,
    ServingCompleted,
    ServingRequested,
    ServingTested,
)
from tests.serving.planted import MEDIA_TYPE, ONNX, evaluation, golden, linear, model_ref, plant

RULES = ServingRules(runs=30, shadow_requests=0, max_mb=1)


class Line:
    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness
        self.counter = 0

    async def promote(
        self, data: bytes, version: int, samples: bytes | None, **changed: Any
    ) -> list[Any]:
        artifact = await self.harness.put(data, ONNX)
        ref = model_ref(data, version)
        stored = None if samples is None else await self.harness.put(samples, MEDIA_TYPE)
        await self.harness.send(evaluation(ref, artifact, stored))
        self.counter += 1
        return await self.harness.send(
            ModelPromoted(
                name="m", model=ref, how="manual", by="user:ann", counter=self.counter,
                artifact=artifact.model_copy(update=changed),
            )
        )  # fmt: skip

    @property
    def tested(self) -> ServingTested:
        return self.harness.outputs(ServingTested)[-1]

    @property
    def failed(self) -> list[str]:
        return [check.name for check in self.tested.checks if not check.passed]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    config = ServingConfig(models={"*": RULES})
    async with StageHarness(plant, stages.test, stages.serving, config=config) as harness:
        await harness.send(
            ServingRequested(name="m", by="user:ann", requested_us=1), actor="user:ann"
        )
        yield Line(harness)


async def test_a_model_that_nobody_serves_is_not_tested() -> None:
    async with StageHarness(plant, stages.test, stages.serving) as harness:
        await Line(harness).promote(linear(3), 1, golden(linear(3)))
        assert harness.outputs(ServingTested) == []
        assert harness.records[-1].outcome == "skipped"


async def test_the_first_good_model_answers_at_once_and_the_next_a_share(line: Line) -> None:
    await line.promote(linear(3), 1, golden(linear(3)))
    assert line.tested.passed and line.tested.package is not None
    assert [one.model.version for one in line.harness.outputs(ServingCompleted)] == [1]
    await line.promote(linear(4), 2, golden(linear(4)))
    (canary,) = line.harness.outputs(ServingCanaryStarted)
    assert (canary.model.version, canary.share) == (2, 0.05)
    assert len(line.harness.outputs(ServingCompleted)) == 1


@pytest.mark.parametrize(
    ("data", "samples", "failed"),
    [
        (linear(4), None, "golden"),
        # It answers something else than it did when it was evaluated.
        (linear(4), golden(linear(4), answers_of=linear(3)), "golden"),
        # It answers the same as ever, and that is wrong: the label counts.
        (linear(-4), golden(linear(-4)), "truth"),
        (linear(4), golden(linear(4), columns=2), "schema"),
        (b"no model", golden(linear(4)), "schema"),
        (linear(4, note="x" * 2_000_000), golden(linear(4)), "size_mb"),
    ],
)
async def test_a_bad_model_gets_no_request_and_the_test_says_why(
    line: Line, data: bytes, samples: bytes | None, failed: str
) -> None:
    await line.promote(linear(3), 1, golden(linear(3)))
    await line.promote(data, 2, samples)
    assert failed in line.failed
    assert not line.tested.passed
    assert all(check.message for check in line.tested.checks if not check.passed)
    assert line.harness.outputs(ServingCanaryStarted) == []
    assert line.harness.records[-1].outcome == "skipped"


async def test_a_model_nearer_to_nothing_than_the_one_that_answers_is_refused(line: Line) -> None:
    await line.promote(linear(5), 1, golden(linear(5)))
    await line.promote(linear(0.2), 2, golden(linear(0.2)))
    assert line.failed == ["beside_stable"]


async def test_the_model_that_triggered_it_is_tested_not_the_newest(line: Line) -> None:
    await line.promote(linear(3), 7, golden(linear(3)))
    await line.promote(linear(4), 5, golden(linear(4)))
    assert [one.model.version for one in line.harness.outputs(ServingTested)] == [7, 5]
    assert line.tested.model.sha256 == model_ref(linear(4), 5).sha256


async def test_a_person_who_goes_back_is_served_at_once(line: Line) -> None:
    await line.promote(linear(3), 1, golden(linear(3)))
    await line.promote(linear(4), 2, golden(linear(4)))
    first, second = (line.harness.outputs(ServingTested)[place].model for place in (0, 1))
    artifact = await line.harness.put(linear(3), ONNX)
    await line.harness.send(
        ModelRolledBack(
            name="m", model=first, withdrawn=second, by="user:ann", reason="odd", counter=3,
            artifact=artifact,
        )
    )  # fmt: skip
    assert line.harness.records[-1].attributes["phase"] == "all"
    assert line.harness.records[-1].attributes["stable_version"] == 1
