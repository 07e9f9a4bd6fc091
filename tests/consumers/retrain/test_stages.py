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
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, MachineMarked
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
from lineal_schemas.reviews import AnomalyReviewed
from lineal_schemas.telemetry import TelemetryCollected
from lineal_scoring.model import ScoringModel
from tests.consumers.sensors import BEGIN_US, BOOT, PERIOD_US, batches
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
        await self.harness.use_artifact(
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
    retraining = RetrainConfig.model_validate({"models": models, "max_waits": 3})
    configs = [CollectConfig(block_batches=8), retraining]
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


async def test_what_a_person_found_to_be_normal_is_learnt_from(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    opened = anomaly(2001, 2100)
    await flywheel.harness.send(opened)
    await flywheel.harness.send(
        AnomalyReviewed(
            device="t1", anomaly_id=opened.anomaly_id, verdict="normal", by="ann", reviewed_us=1
        )
    )
    await flywheel.harness.send(closed(opened, 2400))
    (dataset,) = (await flywheel.spin())["dataset"]
    assert dataset.quarantined_items == 0


def mark(fault: str | None, first: int, last: int, marked_us: int = 1) -> MachineMarked:
    return MachineMarked(
        device="t1", mark=f"{marked_us:036}", fault=fault, from_us=BEGIN_US + first * PERIOD_US,
        to_us=BEGIN_US + last * PERIOD_US, by="ann", marked_us=marked_us,
    )  # fmt: skip


async def test_what_people_marked_wins_over_what_a_model_found(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    opened = anomaly(2001, 2100)
    await flywheel.harness.send(opened)
    await flywheel.harness.send(closed(opened, 2400))
    await flywheel.harness.send(mark(None, 1, 3000, 1))
    await flywheel.harness.send(mark("bearing", 1001, 1041, 2))
    withdrawn = mark("bearing", 3001, 3041, 3)
    await flywheel.harness.send(withdrawn)
    await flywheel.harness.send(withdrawn.model_copy(update={"withdrawn": True}))
    (dataset,) = (await flywheel.spin())["dataset"]
    manifest = DatasetManifest.model_validate_json(await flywheel.harness.get(dataset.manifest))
    left_out = [(item.source.rpartition("/")[2], item.reason) for item in manifest.quarantined]
    assert left_out == [
        ("1001-1020", "marked as bearing"),
        ("1021-1040", "marked as bearing"),
    ]


async def test_retraining_waits_until_a_fault_is_over(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    opened = anomaly(3901, 3920)
    await flywheel.harness.send(opened)
    await flywheel.spin(drift())
    for _ in range(5):  # more often than it waits for readings
        await flywheel.harness.clock.advance(RetrainConfig().wait_seconds)
    assert flywheel.harness.outputs(ModelDataset) == []
    assert flywheel.noted("waits_for") == "the end of a fault"
    await flywheel.harness.send(closed(opened, 3960))
    await flywheel.harness.clock.advance(RetrainConfig().wait_seconds)
    [dataset] = flywheel.harness.outputs(ModelDataset)
    assert dataset.case == "both"
    assert await flywheel.harness.timers(retrain) == {}


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
    assert (dataset.kind, dataset.train_items + dataset.test_items) == ("documents", 30)
    # One of ten, or more: those that have the same words are in one part.
    tested = {item.label for item in (await manifest_of(flywheel, dataset)).test}
    assert tested == set(TEXTS)
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


async def labelled(flywheel: Flywheel, numbers: range) -> None:
    for number in numbers:
        label = sorted(TEXTS)[number % 3]
        text = await flywheel.harness.put(TEXTS[label].format(n=number).encode(), "text/plain")
        await flywheel.harness.send(
            DocumentLabelled(
                document_id=f"d{number}", label=label, text=text, by="ann", labelled_us=number
            )
        )


LEARN_DOCUMENTS = ModelTrainingRequested(name="documents", cause="manual", requested_us=1)


async def manifest_of(flywheel: Flywheel, dataset: ModelDataset) -> DatasetManifest:
    return DatasetManifest.model_validate_json(await flywheel.harness.get(dataset.manifest))


async def test_a_text_that_differs_in_spaces_and_case_is_in_the_same_part(
    flywheel: Flywheel,
) -> None:
    await labelled(flywheel, range(30))
    copies = []
    for number in (0, 29):  # the first was to be learnt from, the last is of the test
        text = TEXTS[sorted(TEXTS)[number % 3]].format(n=number).upper().replace(" ", "\n\n")
        copies.append(await flywheel.harness.put(text.encode(), "text/plain"))
        await flywheel.harness.send(
            DocumentLabelled(
                document_id=f"copy{number}", label=sorted(TEXTS)[number % 3], text=copies[-1],
                by="ann", labelled_us=100 - number,
            )
        )  # fmt: skip
    (dataset,) = (await flywheel.spin(LEARN_DOCUMENTS))["dataset"]
    manifest = await manifest_of(flywheel, dataset)
    part_of = {item.source: part for part in ("train", "test") for item in getattr(manifest, part)}
    assert part_of["copy0"] == part_of["d0"] == "train"
    assert part_of["copy29"] == part_of["d29"]


async def test_a_text_in_which_a_word_is_misread_is_in_the_same_part(flywheel: Flywheel) -> None:
    await labelled(flywheel, range(30))
    for number in range(100, 112):
        page = f"{TEXTS['letter'].format(n=number)} {'and so on ' * 5}page {number}"
        for name, said in (("page", page), ("scan", page.replace("may", "rnay"))):
            await flywheel.harness.send(
                DocumentLabelled(
                    document_id=f"{name}{number}", label="letter", by="ann", labelled_us=number,
                    text=await flywheel.harness.put(said.encode(), "text/plain"),
                )
            )  # fmt: skip
    (dataset,) = (await flywheel.spin(LEARN_DOCUMENTS))["dataset"]
    manifest = await manifest_of(flywheel, dataset)
    part_of = {item.source: part for part in ("train", "test") for item in getattr(manifest, part)}
    assert {part_of[f"page{number}"] for number in range(100, 112)} == {"train", "test"}
    assert all(part_of[f"page{n}"] == part_of[f"scan{n}"] for n in range(100, 112))


async def test_a_planted_leak_is_refused_by_name_and_nothing_is_trained(
    flywheel: Flywheel,
) -> None:
    await labelled(flywheel, range(30))
    (dataset,) = (await flywheel.spin(LEARN_DOCUMENTS))["dataset"]
    clean = await manifest_of(flywheel, dataset)
    leaking = clean.model_copy(update={"train": (*clean.train, clean.test[0])})
    planted = await flywheel.harness.put(leaking.model_dump_json().encode(), "application/json")
    news = {"manifest": planted, "dataset": planted.sha256, "iteration": 2, "first_version": 2}
    assert await flywheel.harness.send(dataset.model_copy(update=news)) == []
    letter = flywheel.harness.dead_letters[-1]
    assert letter.error_class == "LeakFound"
    assert clean.test[0].source in letter.message


async def test_what_was_erased_is_neither_learnt_from_nor_evaluated_on(
    flywheel: Flywheel,
) -> None:
    await labelled(flywheel, range(30))
    (dataset,) = (await flywheel.spin(LEARN_DOCUMENTS))["dataset"]
    manifest = await manifest_of(flywheel, dataset)
    erased = [manifest.train[0], manifest.test[0]]
    store = flywheel.harness.runtime.objects
    assert await store.delete(item.digest for item in erased) == 2
    await labelled(flywheel, range(30, 45))
    made = await flywheel.spin(LEARN_DOCUMENTS)
    again = await manifest_of(flywheel, made["dataset"][0])
    used = {item.source for part in (again.train, again.test) for item in part}
    assert used.isdisjoint(item.source for item in erased)
    assert made["promoted"]


async def test_a_gate_of_the_settings_stands_beside_those_of_the_learner() -> None:
    rule = {"metric": "readings", "limit": 1e9}
    async with turning(gates=[rule]) as flywheel:
        await flywheel.collect(4000)
        made = await flywheel.spin()
        assert [gate.name for gate in made["evaluated"][0].gates if not gate.passed] == ["readings"]
        assert made["promoted"] == []
