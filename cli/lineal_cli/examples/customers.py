"""``lineal examples run customers``: who will come back, and what for."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun

_DAY_US = 86_400_000_000
_STAGES = (
    "tables", "tables.score", "retrain", "retrain.train", "retrain.evaluate", "retrain.promote",
)  # fmt: skip
DEFINITION = """\
entity = "customer"
time = "at"
horizon_days = 90            # what is predicted: the 90 days after
buckets = 32

[features.orders]
aggregate = "count"
[features.spent]
aggregate = "sum"
column = "amount"
[features.mean_spent]
aggregate = "mean"
column = "amount"
[features.spent_60_days]
aggregate = "sum"
column = "amount"
days = 60
[features.quiet_days]
aggregate = "days_since_last"
[features.age_days]
aggregate = "days_since_first"
[features.gap_days]
aggregate = "mean_gap_days"

[targets.churn]
aggregate = "none"
[targets.value]
aggregate = "sum"
column = "amount"
"""


def orders(customers: int, seed: int, days: int = 400, amount: float = 20.0) -> str:
    """Made-up orders as CSV: customers buy at rates of their own, and leave some day."""
    import numpy as np

    chance = np.random.default_rng(seed)
    lines = ["customer,at,amount"]
    for number in range(customers):
        at = chance.uniform(0, 250)
        gap = chance.gamma(2.0, 12.0)
        leaves = at + chance.exponential(250)
        usual = chance.gamma(2.0, amount / 2)
        while at < min(days, leaves) or not lines[-1].startswith(f"c{number},"):
            paid = max(1.0, chance.normal(usual, usual / 4))
            lines.append(f"c{number},{int(at * _DAY_US)},{paid:.2f}")
            at += chance.exponential(gap) + 0.5
    return "\n".join(lines)


async def orders_arrive(
    example: ExampleRun, customers: int, seed: int, day: int = 400, *, as_of_day: int | None = None
) -> None:
    """Publish the arrival of made-up orders up to a day.

    Args:
        as_of_day: the day on which they are looked at, if not the last.
    """
    from lineal_producers.arrival import store
    from lineal_schemas.tables import TableArrived

    made = BytesIO(orders(customers, seed, day).encode())
    rows = await store(example.runtime, made, "text/csv")
    declared = await store(example.runtime, BytesIO(DEFINITION.encode()), "application/toml")
    as_of_us = (day if as_of_day is None else as_of_day) * _DAY_US
    await example.publish(
        TableArrived(
            table="customers", source="file:orders.csv", content=rows, definition=declared,
            as_of_us=as_of_us,
        )
    )  # fmt: skip


async def show(example: ExampleRun) -> list[str]:
    """Orders arrive, two models learn, every customer is scored, and a month later again."""
    from lineal_schemas.models import ModelEvaluated, ModelPromoted
    from lineal_schemas.tables import PredictionMade

    models = {
        "churn": {
            "kind": "table", "target": "churn", "task": "classification", "min_leaf_rows": 20,
            "purpose": "Who will not buy anything within 90 days.",
        },
        "value": {
            "kind": "table", "target": "value", "task": "regression", "scale": "log",
            "purpose": "What a customer will typically spend within 90 days.",
        },
    }  # fmt: skip
    settings = {
        "retrain": {"models": models},
        "tables": {"models": {"customers": ["churn", "value"]}, "retrain_seconds": 0},
    }
    counts: list[int] = []
    async with example.running(_STAGES, settings):
        for customers, day in ((1000, 400), (1200, 430)):
            example.report(f"orders of {customers} customers arrive, up to day {day} ...")
            await orders_arrive(example, customers, 1, day)
            await example.until(ModelEvaluated, 2 * (len(counts) + 1))
            made = await example.events_of(PredictionMade)
            counts.append(sum(one.rows for one in made))
        evaluated = await example.events_of(ModelEvaluated)
        promoted = await example.events_of(ModelPromoted)
    churn = [one for one in evaluated if one.name == "churn"][-1]
    value = [one for one in evaluated if one.name == "value"][-1]
    versions = ", ".join(f"{one.name} {one.model.version}" for one in promoted)
    return [
        f"churn: AUROC {churn.metrics['auroc']:.3f}, calibrated to "
        f"{100 * churn.metrics['calibration_error']:.1f} %, on {churn.metrics['rows']:.0f} "
        "customers that nobody learnt from",
        f"value: rank correlation {value.metrics['rank_correlation']:.3f}, mean absolute error "
        f"{value.metrics['mean_absolute_error']:.1f}",
        f"{counts[-1]} predictions with their reasons: `lineal table predictions customers`",
        f"put into use: {versions}; a challenger that is not better on the same customers is not",
        "features are made of rows before their time alone; an entity is learnt from or tested "
        "on, never both",
    ]
