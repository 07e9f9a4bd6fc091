"""``lineal examples run sweep``: many settings of a model of customers, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun

_STAGES = ("tables", "retrain", "sweep", "sweep.run")


async def show(example: ExampleRun) -> list[str]:
    """A dataset is fixed, twelve settings are tried on its training part, the best is named."""
    from lineal_cli.examples.customers import orders_arrive
    from lineal_schemas.envelope import now_us
    from lineal_schemas.models import ModelDataset
    from lineal_schemas.sweeps import (
        SweepBest,
        SweepRequested,
        SweepStepFinished,
        SweepStepRequested,
        SweptSetting,
    )

    model = {"kind": "table", "target": "churn", "task": "classification", "min_leaf_rows": 20}
    settings = {
        "retrain": {"models": {"churn": model}},
        "tables": {"models": {"customers": ["churn"]}},
    }
    async with example.running(_STAGES, settings):
        example.report("orders of 1500 customers arrive ...")
        await orders_arrive(example, 1500, 1)
        await example.until(ModelDataset, 1)
        example.report("twelve settings are tried, two at a time ...")
        await example.publish(
            SweepRequested(
                sweep_id="example",
                name="churn",
                settings={
                    "leaves": SweptSetting(values=(2, 4, 8, 16, 64)),
                    "rounds": SweptSetting(low=20, high=400, whole=True, log=True),
                    "learning_rate": SweptSetting(low=0.003, high=0.3, log=True),
                },
                runs=12,
                by="example",
                requested_us=now_us(),
            )
        )
        await example.until(SweepBest, 1)
        (best,) = await example.events_of(SweepBest)
        asked = await example.events_of(SweepStepRequested)
        finished = await example.events_of(SweepStepFinished)
    values = ", ".join(f"{name} = {value}" for name, value in best.values.items())
    return [
        f"{best.finished} of 12 runs were finished and {best.pruned} pruned: {len(finished)} steps "
        f"of {12 * 3}, each an event that any worker takes",
        f"each step was asked for once ({len(asked)}): a worker that dies repeats its own alone",
        f"the best is run {best.run}, log loss {-best.score:.4f}: {values}",
        "settings were chosen on folds of the training part: the test part was not looked at",
        "`lineal sweep status example` lists the runs",
    ]
