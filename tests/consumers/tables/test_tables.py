"""From rows to predictions, and to a better model."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from lineal.testing import StageHarness
from lineal_catalog.tables.predictions import HIGHEST, highest_predictions
from lineal_cli.examples.customers import DEFINITION, orders
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_consumers.tables.config import TablesConfig
from lineal_consumers.tables.scoring import TableScorer
from lineal_consumers.tables.stage import score, tables
from lineal_schemas.models import (
    DatasetManifest,
    ModelDataset,
    ModelEvaluated,
    ModelPromoted,
    ModelTrained,
    ModelTrainingRequested,
)
from lineal_schemas.tables import PredictionMade, TableArrived, TableFeatures

DAY_US = 86_400_000_000
CHURN = {"kind": "table", "target": "churn", "task": "classification", "min_leaf_rows": 20}
VALUE = {"kind": "table", "target": "value", "task": "regression", "scale": "log", "rounds": 60}


class Shop:
    """Tables arrive, models learn."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness

    async def arrive(self, rows: str, day: int = 400, definition: str = DEFINITION) -> list[Any]:
        content = await self.harness.put(rows.encode(), "text/csv")
        declared = await self.harness.put(definition.encode(), "application/toml")
        made = await self.harness.send(
            TableArrived(
                table="customers", source="file:orders.csv", content=content, definition=declared,
                as_of_us=day * DAY_US,
            )
        )  # fmt: skip
        before = len(self.harness.events())
        await self.harness.clock.advance(2)  # the request may have come before the examples
        made += [event.data for event in self.harness.events()[before:]]
        for promoted in made:
            if isinstance(promoted, ModelPromoted):
                file = await self.harness.get(promoted.artifact)
                await self.harness.use_artifact(promoted.name, file, version=promoted.model.version)
        return made

    async def predictions(self, model: str) -> dict[str, dict[str, Any]]:
        """The newest of each entity."""
        found = {}
        for made in self.harness.outputs(PredictionMade):
            if made.model.name == model:
                for line in gzip.decompress(await self.harness.get(made.content)).splitlines():
                    value = json.loads(line)
                    found[value["entity"]] = value
        return found


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    retraining = RetrainConfig.model_validate({"models": {"churn": CHURN, "value": VALUE}})
    config = TablesConfig(models={"customers": ("churn", "value")})
    stages = (tables, score, retrain, train, evaluate, promote)
    async with StageHarness(*stages, config=[retraining, config]) as harness:
        yield Shop(harness)


async def test_rows_become_models_and_predictions_with_their_reasons(shop: Shop) -> None:
    await shop.arrive(orders(1500, seed=1))
    evaluated = {one.name: one for one in shop.harness.outputs(ModelEvaluated)}
    assert evaluated["churn"].metrics["auroc"] > 0.7
    assert evaluated["churn"].metrics["calibration_error"] < 0.1
    assert evaluated["value"].metrics["rank_correlation"] > 0.4
    assert set(shop.harness.artifacts) == {"churn", "value"}
    found = await shop.predictions("churn")
    assert len(found) == 1500
    assert all(0 <= one["value"] <= 1 for one in found.values())
    assert {len(one["reasons"]) for one in found.values()} == {3}
    kept = await shop.harness.runtime.store.read(
        lambda c: highest_predictions(c, "customers", "churn")
    )
    in_order = sorted(found.values(), key=lambda one: (-one["value"], one["entity"]))
    assert [(one.entity, one.value) for one in kept] == [
        (one["entity"], one["value"]) for one in in_order[:HIGHEST]
    ]
    assert kept[0].reasons == tuple(in_order[0]["reasons"])
    assert shop.harness.dead_letters == []


async def test_the_graph_computes_what_the_trees_do_and_reasons_add_up(shop: Shop) -> None:
    import lightgbm

    await shop.arrive(orders(1500, seed=2))
    for trained in shop.harness.outputs(ModelTrained):
        scorer = TableScorer(await shop.harness.get(trained.artifact))
        booster = lightgbm.Booster(model_str=scorer._trees)
        chance = np.random.default_rng(0)
        rows = (chance.normal(0, 100, (500, len(scorer.features)))).astype(np.float32)
        rows[chance.random(rows.shape) < 0.2] = np.nan
        raw = booster.predict(rows, raw_score=True)
        graph = scorer._session.run(["score"], {"features": rows})[0][:, 0]
        assert np.abs(raw - graph).max() < 1e-3
        moved = np.asarray(booster.predict(rows, pred_contrib=True)).sum(axis=1)
        assert np.allclose(moved, raw, atol=1e-6)


async def test_nobody_of_the_test_part_is_learnt_from_when_more_rows_arrive(shop: Shop) -> None:
    await shop.arrive(orders(1500, seed=3))
    first = await _tested(shop)
    await shop.harness.clock.advance(90_000)
    await shop.arrive(orders(1900, seed=3), day=430)
    datasets = [one for one in shop.harness.outputs(ModelDataset) if one.name == "churn"]
    assert len(datasets) == 2
    assert await _tested(shop) == first  # the same buckets: an entity never changes its own


async def _tested(shop: Shop) -> set[str | None]:
    dataset = [one for one in shop.harness.outputs(ModelDataset) if one.name == "churn"][-1]
    manifest = DatasetManifest.model_validate_json(await shop.harness.get(dataset.manifest))
    return {item.group for item in manifest.test}


@pytest.mark.parametrize("flags", [("0", "1"), ("5", "")], ids=["a value", "where there is one"])
async def test_a_feature_that_is_the_answer_is_named_and_nothing_is_trained(
    shop: Shop, flags: tuple[str, str]
) -> None:
    rows = orders(1500, seed=4).splitlines()
    # Somebody has written down afterwards who stayed, in a column of the earlier rows.
    stayed = {line.split(",")[0] for line in rows[1:] if int(line.split(",")[1]) >= 310 * DAY_US}
    planted = [f"{rows[0]},flag"]
    planted += [f"{line},{flags[line.split(',')[0] in stayed]}" for line in rows[1:]]
    definition = DEFINITION + '\n[features.flag]\naggregate = "max"\ncolumn = "flag"\n'
    await shop.arrive("\n".join(planted), definition=definition)
    leaks = [one for one in shop.harness.dead_letters if one.error_class == "LeakFound"]
    assert leaks
    assert all("the feature flag" in one.message for one in leaks)
    assert "churn" not in shop.harness.artifacts


async def test_customers_under_a_second_name_are_a_leak(shop: Shop) -> None:
    head, *rows = orders(1500, seed=4).splitlines()
    again = [f"also-{row}" for row in rows if int(row.partition(",")[0][1:]) % 5 == 0]
    await shop.arrive("\n".join([head, *rows, *again]))
    leaks = [one for one in shop.harness.dead_letters if one.error_class == "LeakFound"]
    assert leaks
    assert all("copies under other names" in one.message for one in leaks)
    assert shop.harness.artifacts == {}


async def test_an_iteration_is_asked_for_daily_or_when_the_population_changes(shop: Shop) -> None:
    def asked() -> list[str]:
        return [
            one.cause for one in shop.harness.outputs(ModelTrainingRequested) if one.name == "churn"
        ]

    await shop.arrive(orders(600, seed=5))
    await shop.arrive(orders(600, seed=6))
    assert asked() == ["schedule"]
    await shop.harness.clock.advance(86_400)
    await shop.arrive(orders(600, seed=7))
    assert asked() == ["schedule", "schedule"]
    await shop.arrive(orders(600, seed=8, amount=40.0))
    assert asked() == ["schedule", "schedule", "drift"]
    assert shop.harness.outputs(TableFeatures)[-1].shift > 0.25  # type: ignore[operator]
