"""All stages of the flywheel, which feed each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lineal.testing import StageHarness
from lineal_consumers.retrain.collecting import collect
from lineal_consumers.retrain.config import CollectConfig, RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_schemas.anomalies import AnomalyOpened
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import (
    ModelDataset,
    ModelEvaluated,
    ModelPromoted,
    ModelRef,
    ModelTrained,
    ModelTrainingRequested,
)
from lineal_schemas.payload import Payload
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


def drift() -> DriftDetected:
    return DriftDetected(
        name="turbine", model=ModelRef(name="turbine", version=1, sha256=SHA), device="t1",
        test="ks", significance=0.01, reference=SHA, samples=100, from_us=1, to_us=2, features=(),
    )  # fmt: skip


def anomaly(first: int, last: int, **changes: Any) -> AnomalyOpened:
    fields: dict[str, Any] = {
        "device": "t1", "anomaly_id": f"a{first}", "detector": "bus", "threshold": 1.0,
        "model": ModelRef(name="turbine", version=1, sha256=SHA), "boot_id": BOOT,
        "first_seq": first, "last_seq": last, "wall_us": BEGIN_US, "score": 2.0,
        "contributions": (),
    }  # fmt: skip
    return AnomalyOpened(**{**fields, **changes})


TEXTS = {
    "invoice": "invoice number {n} amount due net total payment terms thirty days bank account",
    "letter": "dear madam thank you for your kind letter of {n} may yours sincerely best wishes",
    "report": "annual report {n} of turbine inspection findings measured vibration conclusions",
}
