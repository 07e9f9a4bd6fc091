"""The flywheel's stages one after another, on readings of made-up sensors."""

from __future__ import annotations

import gzip
import json

import numpy as np
import onnx
import pytest

from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import retrain
from lineal_schemas.models import (
    EvaluationTarget,
    ModelDataset,
    ModelEvaluated,
    ModelRef,
    ModelTrained,
    ModelTrainingRequested,
)
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TelemetryCollected
from lineal_scoring.model import ScoringModel
from tests.consumers.retrain.flywheel import (
    Flywheel,
    anomaly,
    by_step,
    drift,
    turning,
)
from tests.consumers.sensors import BEGIN_US, BOOT, PERIOD_US, batches


async def test_blocks_hold_the_batches_byte_for_byte(flywheel: Flywheel) -> None:
    sent = list(batches(flywheel.values[:320]))
    for batch in sent:
        await flywheel.harness.send(batch)
    made = flywheel.harness.outputs(TelemetryCollected)
    assert [block.number for block in made] == [1, 2]
    lines = [
        line
        for block in made
        for line in gzip.decompress(await flywheel.harness.get(block.content)).splitlines()
    ]
    assert lines == [payload_bytes(batch) for batch in sent]
    assert [item.digest for block in made for item in block.batches] == [b.digest for b in sent]


async def test_a_restarted_device_begins_a_new_block(flywheel: Flywheel) -> None:
    for batch in [
        *batches(flywheel.values[:60]),
        *batches(flywheel.values[:160], boot_id="c" * 32),
    ]:
        await flywheel.harness.send(batch)
    made = flywheel.harness.outputs(TelemetryCollected)
    assert [(block.boot_id, len(block.batches)) for block in made] == [(BOOT, 3), ("c" * 32, 8)]


async def test_an_iteration_trains_evaluates_and_promotes(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    made = await flywheel.spin()
    (dataset,), (trained,) = made["dataset"], made["trained"]
    (evaluated,), (promoted,) = made["evaluated"], made["promoted"]
    assert (dataset.case, dataset.iteration, dataset.first_version) == ("both", 1, 1)
    assert trained.model == ModelRef(name="turbine", version=1, sha256=trained.artifact.sha256)
    assert trained.provenance.threads == 1
    assert trained.provenance.lockfile_sha256 is not None
    assert trained.provenance.libraries["numpy"]
    assert evaluated.champion is None
    assert promoted.counter == 1
    assert promoted.how == "gates"
    kinds = [record.kind for record in flywheel.harness.records if record.kind != "step"]
    assert kinds == ["train", "evaluate", "promote"]
    again = await flywheel.spin()
    assert again["dataset"][0].case == "nothing_new"
    assert not (again["trained"] or again["evaluated"] or again["promoted"])


async def test_the_second_iteration_is_evaluated_against_the_champion(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    await flywheel.spin()
    await flywheel.collect(3000)
    made = await flywheel.spin()
    (evaluated,) = made["evaluated"]
    assert made["dataset"][0].case == "both"
    assert made["trained"][0].model.version == 2
    assert evaluated.champion.version == 1
    assert set(evaluated.champion_metrics) == set(evaluated.metrics)
    assert made["promoted"][0].previous.version == 1
    assert made["promoted"][0].counter == 2


async def test_the_same_dataset_makes_the_same_bytes_again(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    made = await flywheel.spin()
    async with turning() as other:
        # Of another flywheel, in which nothing is remembered and the objects are the same.
        await other.collect(4000)
        again = await other.spin()
    assert again["trained"] == made["trained"]


async def test_too_little_is_nothing_new(flywheel: Flywheel) -> None:
    await flywheel.collect(320)
    assert (await flywheel.spin())["dataset"] == []
    await flywheel.collect(3680)
    assert (await flywheel.spin())["dataset"][0].case == "both"
    await flywheel.collect(320)
    assert (await flywheel.spin())["dataset"][0].case == "nothing_new"


async def test_what_lasts_is_a_changed_world_and_not_waited_for() -> None:
    async with turning(lasting_readings=500) as flywheel:
        await flywheel.collect(4000)
        await flywheel.harness.send(anomaly(3001, 3020))  # and nothing more is said of it
        made = await flywheel.spin(drift())
        assert [item.case for item in made["dataset"]] == ["both"]


async def test_later_readings_are_compared_with_those_since_the_change(
    flywheel: Flywheel,
) -> None:
    flywheel.values[2000:, 0] += 100
    await flywheel.collect(4000)
    since = drift().model_copy(update={"from_us": BEGIN_US + 2001 * PERIOD_US})
    (trained, *_) = (await flywheel.spin(since))["trained"]
    rows = json.loads(await flywheel.harness.get(trained.reference))["rows"]
    assert min(row[0] for row in rows) > 50


@pytest.mark.parametrize("case", ["only_test", "only_train"])
async def test_one_sided_news_is_evaluated_anew_or_trained_anew(
    flywheel: Flywheel, case: str
) -> None:
    await flywheel.collect(4000)
    made = await flywheel.spin()
    news = made["dataset"][0].model_copy(update={"case": case, "iteration": 2, "first_version": 2})
    followed = by_step(await flywheel.harness.send(news))
    trained, evaluated = followed["trained"], followed["evaluated"]
    if case == "only_test":
        assert trained == []
        assert [item.model.version for item in evaluated] == [1]
        assert evaluated[0].champion.version == 1
        assert not evaluated[0].passed  # it is in use already
    else:
        assert [item.model.version for item in trained] == [2]
        assert [item.model.version for item in evaluated] == [2]


async def test_of_two_challengers_at_most_the_better_one_passes() -> None:
    async with turning(algorithms=("pca", "autoencoder")) as flywheel:
        await flywheel.collect(4000)
        made = await flywheel.spin()
        assert [item.algorithm for item in made["trained"]] == ["pca", "autoencoder"]
        assert [item.model.version for item in made["trained"]] == [1, 2]
        assert len(made["evaluated"]) == 2
        assert len(made["promoted"]) <= 1
        assert sum(item.passed for item in made["evaluated"]) == len(made["promoted"])


async def test_by_hand_nothing_is_promoted() -> None:
    async with turning(promotion="manual") as flywheel:
        await flywheel.collect(4000)
        made = await flywheel.spin()
        assert made["evaluated"][0].passed
        assert made["promoted"] == []


async def test_a_failed_gate_keeps_it_out_of_use() -> None:
    async with turning(min_sensitivity=1.0, max_false_alarms=0.0) as flywheel:
        await flywheel.collect(4000)
        made = await flywheel.spin()
        assert not made["evaluated"][0].passed
        assert made["promoted"] == []
        assert flywheel.noted("promoted") == "no"


async def test_an_evaluation_against_a_model_that_is_out_of_use_promotes_nothing(
    flywheel: Flywheel,
) -> None:
    await flywheel.collect(4000)
    made = await flywheel.spin()
    outdated: ModelEvaluated = made["evaluated"][0]  # evaluated when there was no champion
    assert await flywheel.harness.send(outdated) == []
    assert flywheel.noted("promoted") == "outdated"


async def test_a_drift_with_too_little_to_learn_from_is_tried_again_later(
    flywheel: Flywheel,
) -> None:
    await flywheel.spin(drift())
    assert list(await flywheel.harness.timers(retrain)) == ["again/turbine"]
    await flywheel.collect(4000)
    assert flywheel.harness.outputs(ModelDataset) == []
    await flywheel.harness.clock.advance(RetrainConfig().wait_seconds)
    [dataset] = flywheel.harness.outputs(ModelDataset)
    assert dataset.case == "both"
    assert await flywheel.harness.timers(retrain) == {}


async def test_what_a_person_asked_for_too_early_waits_and_is_answered(
    flywheel: Flywheel,
) -> None:
    assert (await flywheel.spin())["dataset"] == []
    asked = flywheel.harness.records[-1]
    assert "at least" in str(asked.attributes["waits_for"])
    await flywheel.collect(4000)
    await flywheel.harness.clock.advance(RetrainConfig().wait_seconds)
    [dataset] = flywheel.harness.outputs(ModelDataset)
    assert dataset.case == "both"
    assert await flywheel.harness.timers(retrain) == {}


async def test_what_was_asked_for_and_never_could_be_is_refused_with_a_reason(
    flywheel: Flywheel,
) -> None:
    await flywheel.spin()
    for _ in range(3):
        assert flywheel.harness.dead_letters == []
        await flywheel.harness.clock.advance(RetrainConfig().wait_seconds)
    assert "too little to learn turbine from" in flywheel.harness.dead_letters[-1].message
    assert await flywheel.harness.timers(retrain) == {}


async def test_a_model_nobody_configured_is_refused(flywheel: Flywheel) -> None:
    request = ModelTrainingRequested(name="other", cause="manual", requested_us=1)
    assert await flywheel.harness.send(request) == []
    assert flywheel.harness.dead_letters[-1].error_class == "Reject"


def evaluation_of(trained: ModelTrained) -> ModelTrainingRequested:
    target = EvaluationTarget(
        model=trained.model, artifact=trained.artifact, iteration=trained.iteration
    )
    return ModelTrainingRequested(name="turbine", cause="manual", requested_us=1, evaluate=target)


async def test_a_model_is_evaluated_on_request_and_not_promoted_though_it_passes(
    flywheel: Flywheel,
) -> None:
    await flywheel.collect(4000)
    (old,) = (await flywheel.spin())["trained"]
    await flywheel.collect(3000)
    newest = await flywheel.spin()
    made = await flywheel.spin(evaluation_of(old))
    (dataset,), (evaluated,) = made["dataset"], made["evaluated"]
    assert made["trained"] == []
    assert dataset.dataset == newest["dataset"][0].dataset  # the test data there is, not made anew
    assert evaluated.dataset == dataset.dataset
    assert (evaluated.model, evaluated.champion.version) == (old.model, 2)
    assert evaluated.champion_metrics == newest["evaluated"][0].metrics
    assert evaluated.requested_by == dataset.cause
    assert evaluated.passed
    assert made["promoted"] == []
    assert flywheel.noted("promoted") == "only evaluated"


async def test_an_evaluation_leaves_the_flywheel_as_it_was(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    (old,) = (await flywheel.spin())["trained"]
    await flywheel.collect(3000)
    (dataset,) = (await flywheel.spin())["dataset"]
    await flywheel.spin(drift())  # there is too little to learn from it yet
    await flywheel.spin(evaluation_of(old))
    assert "again/turbine" in await flywheel.harness.timers(retrain)
    news = dataset.model_copy(update={"case": "only_test", "iteration": 3})
    evaluated = by_step(await flywheel.harness.send(news))["evaluated"]
    assert [(item.model.version, item.requested_by) for item in evaluated] == [(2, None)]
    await flywheel.collect(3000)
    (following,) = (await flywheel.spin())["dataset"]
    assert (following.iteration, following.first_version) == (4, 3)  # the drift asked for the third


async def test_nothing_is_evaluated_before_there_is_test_data(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    (trained,) = (await flywheel.spin())["trained"]
    async with turning() as other:
        assert await other.harness.send(evaluation_of(trained)) == []
        [letter] = other.harness.dead_letters
    assert letter.error_class == "Reject"
    assert "lineal model train turbine" in letter.message


async def test_sensors_that_are_missing_or_constant_can_be_learnt_from(
    flywheel: Flywheel,
) -> None:
    flywheel.values[:, 2] = 20.0
    flywheel.values[100:300, 0] = np.nan
    await flywheel.collect(4000)
    assert isinstance((await flywheel.spin())["trained"][0], ModelTrained)


async def test_a_model_carries_real_windows_and_the_scores_it_gives_them(
    flywheel: Flywheel,
) -> None:
    await flywheel.collect(4000)
    (trained,) = (await flywheel.spin())["trained"]
    data = await flywheel.harness.get(trained.artifact)
    properties = {item.key: item.value for item in onnx.load_from_string(data).metadata_props}
    golden = json.loads(properties["lineal.golden"])
    ScoringModel(data).verify(np.array(golden["windows"]), golden["scores"], tolerance=1e-9)
    assert len(golden["windows"]) == 3


async def test_a_gate_of_the_settings_stands_beside_those_of_the_learner() -> None:
    rule = {"metric": "readings", "limit": 1e9}
    async with turning(gates=[rule]) as flywheel:
        await flywheel.collect(4000)
        made = await flywheel.spin()
        assert [gate.name for gate in made["evaluated"][0].gates if not gate.passed] == ["readings"]
        assert made["promoted"] == []
