"""Sweeps try settings side by side, on the training part alone, each step once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lineal.stages.declaration import Stage
from lineal.testing import StageHarness
from lineal_cli.sweep import _swept
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import retrain, train
from lineal_consumers.retrain.sweep_stages import measure, sweep
from lineal_consumers.retrain.sweep_state import Run, SweepState, propose, should_prune
from lineal_learning.splits import Candidate, dataset_of, folds_of
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.models import (
    DatasetItem,
    DatasetManifest,
    ModelDataset,
    ModelTrained,
    ModelTrainingRequested,
    SplitRule,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.sweeps import (
    SweepBest,
    SweepRequested,
    SweepStepFinished,
    SweepStepRequested,
    SweepStopped,
    SweptSetting,
)
from tests.consumers.retrain.flywheel import TEXTS

REF = ObjectRef(uri="x:y", sha256="ab" * 32, bytes=1, media_type="application/json")


def request(**changes: Any) -> SweepRequested:
    fields: dict[str, Any] = {
        "sweep_id": "s1", "name": "documents", "by": "user:ann", "requested_us": 1,
        "settings": {
            "max_ngram": SweptSetting(values=(1, 2)),
            "learner": SweptSetting(values=("logistic", "complement_naive_bayes")),
        },
        "method": "grid",
    }  # fmt: skip
    return SweepRequested(**{**fields, **changes})


@asynccontextmanager
async def labelled(*stages: Stage) -> AsyncIterator[StageHarness]:
    config = RetrainConfig.model_validate({"models": {"documents": {"kind": "documents"}}})
    async with StageHarness(retrain, sweep, measure, *stages, config=config) as harness:
        for number in range(30):
            label = sorted(TEXTS)[number % 3]
            text = await harness.put(TEXTS[label].format(n=number).encode(), "text/plain")
            await harness.send(
                DocumentLabelled(
                    document_id=f"d{number}", label=label, text=text, by="ann", labelled_us=number
                )
            )
        await harness.send(ModelTrainingRequested(name="documents", cause="manual", requested_us=1))
        yield harness


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    async with labelled() as opened:
        yield opened


async def test_a_grid_is_tried_completely_and_the_best_is_named(harness: StageHarness) -> None:
    await harness.send(request())
    steps = harness.outputs(SweepStepRequested)
    assert {tuple(sorted(step.values.items())) for step in steps} == {
        (("learner", learner), ("max_ngram", size))
        for learner in ("logistic", "complement_naive_bayes")
        for size in (1, 2)
    }
    (best,) = harness.outputs(SweepBest)
    assert best.finished + best.pruned == 4
    finished = harness.outputs(SweepStepFinished)
    of_best = [step.score for step in finished if step.run == best.run]
    assert best.score == sum(score for score in of_best if score is not None) / 3
    assert harness.dead_letters == []


async def test_the_model_learns_with_the_best_settings() -> None:
    async with labelled(train) as harness:
        before = len(harness.outputs(ModelTrained))
        await harness.send(request())
        (best,) = harness.outputs(SweepBest)
        dataset = harness.outputs(ModelDataset)[-1]
        assert (dataset.case, dataset.settings) == ("only_train", best.values)
        challengers = harness.outputs(ModelTrained)[before:]
        assert [one.algorithm for one in challengers] == [f"tfidf-{best.values['learner']}"]
        assert challengers[0].settings is not None
        settings = json.loads(await harness.get(challengers[0].settings))
        assert settings["max_ngram"] == best.values["max_ngram"]
        await harness.send(request(sweep_id="s2", begins_iteration=False))
        assert len(harness.outputs(ModelDataset)) == dataset.iteration


async def test_a_step_that_is_handled_again_counts_once(harness: StageHarness) -> None:
    await harness.send(request())
    before = len(harness.outputs(SweepStepRequested))
    for step in harness.outputs(SweepStepFinished):
        await harness.send(step)
    assert len(harness.outputs(SweepStepRequested)) == before
    assert len(harness.outputs(SweepBest)) == 1


async def test_a_setting_that_nothing_can_be_learnt_with_fails_its_run_alone(
    harness: StageHarness,
) -> None:
    await harness.send(request(settings={"max_ngram": SweptSetting(values=(1, 99))}))
    (best,) = harness.outputs(SweepBest)
    assert (best.values, best.finished, best.failed) == ({"max_ngram": 1}, 1, 1)


async def test_what_cannot_be_swept_is_refused(harness: StageHarness) -> None:
    await harness.send(request(settings={"leaves": SweptSetting(values=(1, 2))}))
    await harness.send(request(settings={"seed": SweptSetting(low=0, high=9)}))
    said = [letter.message for letter in harness.dead_letters]
    assert "no setting leaves" in said[0]
    assert "a grid needs values" in said[1]


async def test_a_stopped_sweep_finishes_what_runs_and_begins_nothing() -> None:
    config = RetrainConfig.model_validate({"models": {"documents": {"kind": "documents"}}})
    async with StageHarness(sweep, config=config) as harness:
        await harness.send(
            ModelDataset(
                name="documents", iteration=1, dataset=REF.sha256, manifest=REF, case="both",
                train_items=1, test_items=1,
            )
        )  # fmt: skip
        await harness.send(request(parallel=1))
        await harness.send(SweepStopped(sweep_id="s1", name="documents", by="user:ann"))
        for step in range(3):
            await harness.send(
                SweepStepFinished(sweep_id="s1", name="documents", run=0, step=step, score=0.5)
            )
        assert {step.run for step in harness.outputs(SweepStepRequested)} == {0}
        (best,) = harness.outputs(SweepBest)
        assert (best.stopped, best.finished) == (True, 1)


async def test_a_sweep_that_comes_before_its_dataset_waits_for_it_and_not_for_ever() -> None:
    config = RetrainConfig.model_validate({"models": {"documents": {"kind": "documents"}}})
    async with StageHarness(sweep, config=config) as harness:
        await harness.send(request())
        await harness.send(
            ModelDataset(
                name="documents", iteration=1, dataset=REF.sha256, manifest=REF, case="both",
                train_items=1, test_items=1,
            )
        )  # fmt: skip
        assert harness.outputs(SweepStepRequested) == []
        await harness.clock.advance(1)
        assert len(harness.outputs(SweepStepRequested)) == 2
    async with StageHarness(sweep, config=config) as harness:
        await harness.send(request())
        await harness.clock.advance(30)
        assert "lineal model train documents" in harness.dead_letters[0].message


async def test_the_test_part_chooses_no_settings(harness: StageHarness) -> None:
    (dataset,) = harness.outputs(ModelDataset)
    manifest = DatasetManifest.model_validate_json(await harness.get(dataset.manifest))
    tested = {item.digest for item in manifest.test}
    for fold in folds_of(manifest, 3):
        assert tested.isdisjoint(item.digest for item in (*fold.train, *fold.test))


def test_folds_keep_together_what_belongs_together() -> None:
    items = [
        DatasetItem(digest=f"{n:064x}", source=f"v{n}", group=f"p{n % 7}", time_us=n)
        for n in range(70)
    ]
    rule = SplitRule(by="group")
    folds = folds_of(dataset_of("m", "x", map(Candidate, items), rule, None).manifest, 3)
    for fold in folds:
        assert {i.group for i in fold.train}.isdisjoint(i.group for i in fold.test)
        assert fold.test
    assert sum(len(fold.test) for fold in folds) == len(folds[0].train) + len(folds[0].test)


RANGE = {"rate": SweptSetting(low=0.001, high=1.0, log=True)}


def state_of(scores: list[tuple[float, ...]]) -> SweepState:
    asked = request(method="tpe", settings=RANGE, runs=50)
    runs = tuple(
        Run(
            values={"rate": 0.01 * (n + 1)}, scores=one, state="finished" if len(one) == 3 else None
        )
        for n, one in enumerate(scores)
    )
    return SweepState(request=asked, manifest=REF, runs=runs)


def test_the_next_settings_follow_from_what_is_known_alone() -> None:
    state = state_of([(0.5, 0.5, 0.5)] * 6)
    assert propose(state) == propose(state)
    assert 0.001 <= float(propose(state)["rate"]) <= 1.0


def test_what_is_worse_than_the_others_at_its_step_is_pruned() -> None:
    others = [(0.8, 0.8, 0.8)] * 5
    assert should_prune(state_of([*others, (0.2,)]), 5)
    assert not should_prune(state_of([*others, (0.9,)]), 5)


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("leaves=4,7", SweptSetting(values=(4, 7))),
        ("rounds=100..800", SweptSetting(low=100, high=800, whole=True)),
        ("rate=0.01..0.1:log", SweptSetting(low=0.01, high=0.1, log=True)),
        ("learner=best,logistic", SweptSetting(values=("best", "logistic"))),
    ],
)
def test_settings_are_varied_as_the_command_says(text: str, setting: SweptSetting) -> None:
    assert _swept(text)[1] == setting
