"""The flywheel's stages one after another, on readings of made-up sensors."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import onnx
import pytest

from lineal.testing import StageHarness
from lineal_consumers.retrain.collecting import collect
from lineal_consumers.retrain.config import CollectConfig, RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import (
    DatasetManifest,
    EvaluationTarget,
    ModelDataset,
    ModelEvaluated,
    ModelPromoted,
    ModelRef,
    ModelTrained,
    ModelTrainingRequested,
)
from lineal_schemas.payload import Payload, payload_bytes
from lineal_schemas.telemetry import TelemetryCollected
from lineal_scoring.model import ScoringModel
from tests.consumers.sensors import BEGIN_US, BOOT, batches
from tests.scoring.readings import FEATURES, normal

TURBINE: dict[str, Any] = {
    "features": FEATURES, "angles": ("yaw",), "length": 40, "step": 5, "false_alarm_rate": 0.01,
    "epochs": 5, "min_new_readings": 500, "algorithms": ("pca",), "min_sensitivity": 0.3,
    "max_false_alarms": 0.3, "tolerance": 1.0,
}  # fmt: skip
SHA = "ab" * 32


class Flywheel:
    """All stages, which feed each other; see :func:`turning`."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness
        self.values = normal(12_000, 1)
        self.collected = 0

    async def collect(self, readings: int, device: str = "t1") -> None:
        """Have so many further readings arrive."""
        first = self.collected + 1
        rows = self.values[self.collected : self.collected + readings]
        self.collected += readings
        for batch in batches(rows, device=device, first_seq=first):
            await self.harness.send(batch)

    async def spin(self, cause: Payload | None = None) -> dict[str, list[Any]]:
        """One iteration to its end."""
        request = ModelTrainingRequested(name="turbine", cause="manual", requested_us=1)
        made = await self.harness.send(cause or request)
        for promoted in made:
            if isinstance(promoted, ModelPromoted):
                await self.put_in_use(promoted)
        return by_step(made)

    async def put_in_use(self, promoted: ModelPromoted) -> None:
        artifact = promoted.artifact
        await self.harness.use_model(
            promoted.name,
            await self.harness.get(artifact),
            version=promoted.model.version,
            media_type=artifact.media_type,
        )

    def noted(self, attribute: str) -> Any:
        """What the last record that has an attribute says."""
        attributes = [
            record.attributes for record in self.harness.records if attribute in record.attributes
        ]
        return attributes[-1][attribute]


def by_step(made: list[Payload]) -> dict[str, list[Any]]:
    """Events by the stage that makes them."""
    return {
        "dataset": [item for item in made if isinstance(item, ModelDataset)],
        "trained": [item for item in made if isinstance(item, ModelTrained)],
        "evaluated": [item for item in made if isinstance(item, ModelEvaluated)],
        "promoted": [item for item in made if isinstance(item, ModelPromoted)],
    }


@asynccontextmanager
async def turning(**changes: Any) -> AsyncIterator[Flywheel]:
    """A flywheel for one model of sensors, and one of documents."""
    models = {"turbine": {**TURBINE, **changes}, "documents": {"kind": "documents"}}
    configs = [CollectConfig(block_batches=8), RetrainConfig.model_validate({"models": models})]
    stages = (collect, retrain, train, evaluate, promote)
    async with StageHarness(*stages, config=configs) as harness:
        yield Flywheel(harness)


@pytest.fixture
async def flywheel() -> AsyncIterator[Flywheel]:
    async with turning() as opened:
        yield opened


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


def anomaly(first: int, last: int, **changes: Any) -> AnomalyOpened:
    fields: dict[str, Any] = {
        "device": "t1", "anomaly_id": f"a{first}", "detector": "bus", "threshold": 1.0,
        "model": ModelRef(name="turbine", version=1, sha256=SHA), "boot_id": BOOT,
        "first_seq": first, "last_seq": last, "wall_us": BEGIN_US, "score": 2.0,
        "contributions": (),
    }  # fmt: skip
    return AnomalyOpened(**{**fields, **changes})


def closed(opened: AnomalyOpened, last: int) -> AnomalyClosed:
    fields = opened.model_dump(exclude={"score", "contributions", "last_seq"})
    return AnomalyClosed(**fields, last_seq=last, peak_score=3.0, reason="normal")


async def test_anomalous_readings_are_quarantined_from_training(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    opened = anomaly(2001, 2100)
    # over two topics, between which no order is kept
    await flywheel.harness.send(closed(opened, 2400))
    await flywheel.harness.send(opened)
    (dataset,) = (await flywheel.spin())["dataset"]
    manifest = DatasetManifest.model_validate_json(await flywheel.harness.get(dataset.manifest))
    seqs = [item.source.rpartition("/")[2] for item in manifest.quarantined]
    assert (seqs[0], seqs[-1], len(seqs)) == ("1901-1920", "2481-2500", 30)
    assert dataset.quarantined_items == 30


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


def drift() -> DriftDetected:
    return DriftDetected(
        name="turbine", model=ModelRef(name="turbine", version=1, sha256=SHA), device="t1",
        test="ks", significance=0.01, reference=SHA, samples=100, from_us=1, to_us=2, features=(),
    )  # fmt: skip


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


TEXTS = {
    "invoice": "invoice number {n} amount due net total payment terms thirty days bank account",
    "letter": "dear madam thank you for your kind letter of {n} may yours sincerely best wishes",
    "report": "annual report {n} of turbine inspection findings measured vibration conclusions",
}


async def test_labelled_documents_make_a_classifier(flywheel: Flywheel) -> None:
    for number in range(30):
        label = sorted(TEXTS)[number % 3]
        text = await flywheel.harness.put(TEXTS[label].format(n=number).encode(), "text/plain")
        await flywheel.harness.send(
            DocumentLabelled(
                document_id=f"d{number}", label=label, text=text, by="ann", labelled_us=number
            )
        )
    request = ModelTrainingRequested(name="documents", cause="manual", requested_us=1)
    made = await flywheel.spin(request)
    (dataset,), (evaluated,) = made["dataset"], made["evaluated"]
    assert (dataset.kind, dataset.train_items, dataset.test_items) == ("documents", 24, 6)
    assert evaluated.metrics["accuracy"] == 1.0
    assert made["promoted"][0].name == "documents"
    assert made["trained"][0].algorithm.startswith("tfidf-")


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
