"""Questions to the model of a table."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lineal.testing import StageHarness
from lineal_cli.examples.customers import DEFINITION, orders
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_consumers.tables.config import TablesConfig
from lineal_consumers.tables.stage import score, tables
from lineal_schemas.models import ModelEvaluated, ModelPromoted
from lineal_schemas.tables import PredictionAnswered, PredictionAsked, PredictionMade, TableArrived

DAY_US = 86_400_000_000
MODELS = {
    "churn": {"kind": "table", "target": "churn", "task": "classification", "min_leaf_rows": 20},
    "value": {"kind": "table", "target": "value", "task": "regression", "scale": "log",
              "rounds": 60},
}  # fmt: skip


class Shop:
    """A shop whose models have learnt."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness

    async def learn(self) -> None:
        harness = self.harness
        content = await harness.put(orders(1500, seed=1).encode(), "text/csv")
        declared = await harness.put(DEFINITION.encode(), "application/toml")
        await harness.send(
            TableArrived(
                table="customers", source="file:orders.csv", content=content, definition=declared,
                as_of_us=400 * DAY_US,
            )
        )  # fmt: skip
        await harness.clock.advance(2)
        for promoted in harness.outputs(ModelPromoted):
            file = await harness.get(promoted.artifact)
            await harness.use_artifact(promoted.name, file, version=promoted.model.version)

    async def ask(self, model: str = "churn", **wanted: Any) -> PredictionAnswered:
        count = len(self.harness.outputs(PredictionAnswered))
        await self.harness.send(
            PredictionAsked(
                **{"entity": "c7", **wanted}, table="customers", model=model, by="user:ann",
                question_id=f"{count:016x}", requested_us=0,
            )
        )  # fmt: skip
        found = self.harness.outputs(PredictionAnswered)[count:]
        assert len(found) == 1
        return found[0]

    async def predicted(self, model: str) -> dict[str, float]:
        found = {}
        for made in self.harness.outputs(PredictionMade):
            if made.model.name == model:
                for line in gzip.decompress(await self.harness.get(made.content)).splitlines():
                    value = json.loads(line)
                    found[value["entity"]] = value["value"]
        return found


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    retraining = RetrainConfig.model_validate({"models": MODELS})
    config = TablesConfig(models={"customers": ("churn", "value")})
    stages = (tables, score, retrain, train, evaluate, promote)
    async with StageHarness(*stages, config=[retraining, config]) as harness:
        shop = Shop(harness)
        await shop.learn()
        yield shop


async def test_both_predictions_have_intervals_reasons_and_the_model_they_are_of(
    shop: Shop,
) -> None:
    entity, usual = min((await shop.predicted("churn")).items(), key=lambda one: one[1])
    answered = await shop.ask(entity=entity, changes={"quiet_days": 200.0})
    assert answered.problem is None
    assert answered.model is not None
    assert answered.model.version == shop.harness.outputs(ModelPromoted)[0].model.version
    assert answered.now is not None
    assert answered.then is not None
    assert answered.now.value == usual  # what was published for everybody
    assert answered.then.value > usual + 0.2  # who has been quiet is gone
    for one in (answered.now, answered.then):
        assert one.low is not None
        assert one.high is not None
        assert 0 <= one.low <= one.value <= one.high <= 1
        assert len(one.reasons) == 3
    assert answered.then.reasons[0].feature == "quiet_days"

    surer = await shop.ask(entity=entity, changes={"quiet_days": 200.0}, coverage=0.98)
    assert surer.now is not None
    assert surer.now.low is not None
    assert surer.now.low <= (answered.now.low or 0)

    amount = await shop.ask("value", entity=entity)
    assert amount.then is None
    assert amount.now is not None
    assert amount.now.outcomes is None
    assert amount.now.low is not None
    assert amount.now.low >= 0


async def test_outcomes_of_customers_nobody_learnt_from_are_held_as_often_as_stated(
    shop: Shop,
) -> None:
    evaluated = {one.name: one.metrics for one in shop.harness.outputs(ModelEvaluated)}
    for metrics in evaluated.values():
        # Of calibration and test rows, both are samples.
        spread = 4 * (0.9 * 0.1 * 2 / min(metrics["rows"], 200)) ** 0.5
        assert abs(metrics["coverage_90"] - 0.9) < spread < 0.13


async def test_what_lies_outside_of_what_was_learnt_is_named(shop: Shop) -> None:
    answered = await shop.ask(changes={"orders": 5000.0})
    [outside] = answered.outside
    assert (outside.feature, outside.value) == ("orders", 5000.0)
    assert outside.high is not None
    assert outside.high < 5000
    of_nothing = await shop.ask(entity=None, row={"orders": 2.0})
    assert {one.feature for one in of_nothing.outside} >= {"quiet_days"}
    assert all(one.value is None for one in of_nothing.outside)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"changes": {"colour": 1.0}}, "no feature 'colour': orders"),
        ({"entity": "nobody"}, "no rows of 'nobody'"),
        ({"model": "other"}, "models names no 'other'"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_told_why(
    shop: Shop, wanted: dict[str, Any], problem: str
) -> None:
    answered = await shop.ask(**wanted)
    assert problem in (answered.problem or "")
    assert answered.now is None
    assert shop.harness.dead_letters == []
