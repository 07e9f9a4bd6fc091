"""The stage that says what an anomaly looks like, by what people have marked."""

from __future__ import annotations

from lineal import Context, stage
from lineal_consumers.faults.config import FaultsConfig
from lineal_consumers.faults.memory import (
    is_recognised,
    remember,
    remember_end,
    remember_mark,
    remember_verdict,
)
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyOpened,
    AnomalyUpdated,
    FaultRecognised,
    MachineMarked,
)
from lineal_schemas.reviews import AnomalyReviewed


@stage("faults", version="1", produces=FaultRecognised, memo=False)
async def faults(
    anomaly: AnomalyOpened | AnomalyUpdated, ctx: Context[FaultsConfig]
) -> FaultRecognised | None:
    """Compare an anomaly with those that were marked."""
    await remember(anomaly, ctx)
    return await is_recognised(anomaly, ctx)


@faults.on
async def closed(anomaly: AnomalyClosed, ctx: Context[FaultsConfig]) -> None:
    """Note when an anomaly ended: a mark may name it by its time."""
    await remember_end(anomaly, ctx)


@faults.on
async def marked(mark: MachineMarked, ctx: Context[FaultsConfig]) -> None:
    """Take the anomalies of a marked time for examples of what it was."""
    await remember_mark(mark, ctx)


@faults.on
async def reviewed(answer: AnomalyReviewed, ctx: Context[FaultsConfig]) -> None:
    """Take an anomaly that a person found to be normal for an example of that."""
    await remember_verdict(answer, ctx)
