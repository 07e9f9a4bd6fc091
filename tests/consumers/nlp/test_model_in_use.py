"""A classifier learnt from labelled documents decides the class as soon as it is in use, and what
was decided without it is stale."""

from __future__ import annotations

import csv
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lineal.bus.protocol import Selection
from lineal.lineage.ledger import steps_made_with
from lineal.lineage.record import digest
from lineal.replay import plan_replay, run_replay
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.objects import reference
from lineal.testing import StageHarness
from lineal.testing.substitutes import InProcessWorkers
from lineal_consumers.nlp.stage import nlp
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_consumers.retrain.text_classifier import train_text_classifier
from lineal_schemas.documents import DocumentLabelled, DocumentTextExtracted
from lineal_schemas.envelope import decode, first_event
from lineal_schemas.models import ModelEvaluated, ModelPromoted, ModelTrainingRequested
from tests.conformance.harness import events_on, running, until_settled
from tests.consumers.sensors import put_in_use

AG_NEWS = Path(__file__).parents[4] / "shared" / "data" / "ag_news"
TEXT = "The rotor bearing of turbine seven was greased. Vibration is low, the blades are clean."


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path / "data", durability="normal")) as opened:
        yield opened


def classifier(label: str) -> bytes:
    texts = [f"rotor bearing vibration blades greased turbine {n}" for n in range(4)]
    others = [f"dear madam thank you for your letter {n}" for n in range(4)]
    return train_text_classifier([*texts, *others], [label] * 4 + ["letter"] * 4).data


async def extracted(runtime: Runtime, name: str, text: str) -> None:
    await runtime.objects.put_large(text.encode())
    ref = reference(digest(text.encode()), len(text), "text/plain;charset=utf-8")
    event = first_event(
        DocumentTextExtracted(
            document_id=name, content=ref, kind="text", pages=1, text=ref, result=ref
        ),
        id=f"event-{name}",
        source="test:ocr",
    )
    await runtime.bus.publish([(event.type, event)])


async def analyse(runtime: Runtime) -> list[Any]:
    async with running(runtime, runtime.bind(nlp, InProcessWorkers())):
        await until_settled(runtime, "nlp")
    return [decode(event).data for event in await events_on(runtime, "document.analyzed")]


async def replay(runtime: Runtime) -> int:
    plan = await plan_replay(runtime, nlp, Selection(), stale=True)
    await run_replay(runtime, plan, InProcessWorkers(), lambda _: None)
    return plan.events


async def test_a_promotion_makes_earlier_classes_stale_and_a_replay_sets_them_right(
    runtime: Runtime,
) -> None:
    await extracted(runtime, "d1", TEXT)
    (before,) = await analyse(runtime)
    assert before.document_class != "maintenance"
    assert await replay(runtime) == 0

    model = classifier("maintenance")
    await put_in_use(runtime, model, name="documents")
    assert await replay(runtime) == 1
    analysed = [decode(event).data for event in await events_on(runtime, "document.analyzed")]
    assert [item.document_class for item in analysed] == [  # type: ignore[attr-defined]
        before.document_class, "maintenance",
    ]  # fmt: skip
    assert await replay(runtime) == 0
    made = await runtime.store.read(lambda c: list(steps_made_with(c, digest(model))))
    assert [record.subject for record in made] == ["document:d1"]


async def test_the_next_document_is_classed_by_the_newest_model(runtime: Runtime) -> None:
    await put_in_use(runtime, classifier("maintenance"), name="documents")
    await put_in_use(runtime, classifier("inspection"), name="documents", counter=2)
    await extracted(runtime, "d1", TEXT)
    (found,) = await analyse(runtime)
    assert found.document_class == "inspection"


async def test_a_model_of_another_name_changes_nothing(runtime: Runtime) -> None:
    await extracted(runtime, "d1", TEXT)
    await analyse(runtime)
    await put_in_use(runtime, classifier("maintenance"), name="turbine")
    assert await replay(runtime) == 0


async def test_an_iteration_on_ag_news_is_better_than_the_one_before() -> None:
    if not AG_NEWS.is_dir():
        pytest.skip("the ag_news articles are not there: ../shared/data/ag_news")
    with (AG_NEWS / "train_head_subset.csv").open(encoding="utf-8", newline="") as file:
        articles = [(row[0], f"{row[1]}. {row[2]}") for row in csv.reader(file)]
    random.Random(1).shuffle(articles)
    settings = {"kind": "documents", "learner": "complement_naive_bayes", "tolerance": 0.03}
    config = RetrainConfig.model_validate({"models": {"documents": settings}})
    async with StageHarness(retrain, train, evaluate, promote, config=config) as harness:

        async def label(some: list[tuple[str, str]], begin: int) -> None:
            for number, (name, text) in enumerate(some, begin):
                ref = await harness.put(text.encode(), "text/plain")
                await harness.send(
                    DocumentLabelled(
                        document_id=f"d{number}", label=name, text=ref, by="ann", labelled_us=number
                    )
                )

        async def iterate(number: int) -> None:
            await harness.send(
                ModelTrainingRequested(name="documents", cause="manual", requested_us=number)
            )

        await label(articles[:300], 0)
        await iterate(1)
        [promotion] = harness.outputs(ModelPromoted)
        await harness.use_artifact("documents", await harness.get(promotion.artifact))
        await label(articles[300:1500], 300)
        await iterate(2)
        evaluated = harness.outputs(ModelEvaluated)[-1]
        promotion = harness.outputs(ModelPromoted)[-1]
    assert evaluated.metrics["accuracy"] > evaluated.champion_metrics["accuracy"]
    assert evaluated.metrics["accuracy"] > 0.75
    assert promotion.previous is not None
    assert promotion.previous.version == 1
