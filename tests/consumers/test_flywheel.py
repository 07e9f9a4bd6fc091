"""From readings to anomalies, a drift, and a new model in use: all stages on the embedded bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineal.daemon import Daemon
from lineal.lineage.ledger import steps_of_artifact, steps_of_subject
from lineal.lineage.record import digest
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.discovery import find_stages
from lineal_catalog.models.acts import roll_back
from lineal_catalog.models.promotions import model_in_use
from lineal_catalog.models.queries import find_model
from lineal_cli.anomaly_provenance import anomaly_provenance
from lineal_edge.sources.simulator import Simulator
from lineal_schemas.envelope import decode, first_event, now_us
from lineal_schemas.models import EvaluationTarget, ModelPromoted, ModelRef, ModelTrainingRequested
from lineal_schemas.telemetry import TURBINE_FEATURES
from lineal_scoring.turbine.simulation import Fault
from tests.conformance.harness import events_on, lag
from tests.consumers.sensors import batches, send

STAGES = [
    "detect", "drift", "retrain.collect", "retrain", "retrain.train", "retrain.evaluate",
    "retrain.promote",
]  # fmt: skip
PATIENCE_SECONDS = 180.0


class Fleet:
    """Two simulated turbines, whose readings come as fast as they are taken."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._turbines = [Simulator(seed, hurry=True) for seed in range(2)]
        self._sent = [0, 0]

    async def run(self, readings: int, *faults: Fault) -> None:
        """Have each turbine send so many readings, and all be handled that follows from them."""
        for number, simulator in enumerate(self._turbines):
            simulator.turbine.faults[:] = faults
            values = np.array(list(islice(simulator.readings(), readings)))
            first = self._sent[number] + 1
            self._sent[number] += readings
            await send(
                self.runtime,
                *batches(values, f"t{number}", first_seq=first, features=TURBINE_FEATURES),
            )
        await self.settled()

    async def settled(self) -> None:
        """Nothing is left to do for any stage: what one emits, another may have to handle."""
        quiet = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while quiet < 3:
                waiting = [await lag(self.runtime, name) for name in STAGES]
                quiet = 0 if any(waiting) else quiet + 1
                await asyncio.sleep(0.1)

    async def emitted(self, topic: str) -> list[Any]:
        return [decode(event).data for event in await events_on(self.runtime, topic)]

    async def ask(self, target: EvaluationTarget | None = None) -> None:
        """Ask for an iteration, or only for a model to be evaluated."""
        request = ModelTrainingRequested(
            name="turbine", cause="manual", by="ann", requested_us=now_us(), evaluate=target
        )
        event = first_event(request, id="evaluation" if target else "request", source="test:cli")
        await self.runtime.bus.publish([(event.type, event)])
        await self.settled()
        await asyncio.sleep(1.2)  # a promotion is noticed within a second


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    turbine = {
        "algorithms": ["pca"], "min_new_readings": 4000, "max_false_alarms": 0.2,
        "tolerance": 0.2, "lasting_readings": 2000,
    }  # fmt: skip
    settings = Settings(
        data=tmp_path / "data",
        durability="normal",
        workers=2,
        stages={
            "retrain": {"models": {"turbine": turbine}, "wait_seconds": 2},
            "drift": {"spacing_seconds": 10, "sample": 80, "min_sample": 60, "min_shift": 0.45},
        },
    )
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, find_stages(STAGES))
        await daemon.start()
        try:
            yield Fleet(runtime)
        finally:
            await daemon.stop()


async def test_a_fault_is_found_a_drift_is_learnt_and_all_of_it_can_be_told(
    fleet: Fleet, tmp_path: Path
) -> None:
    await fleet.run(10_000)
    assert await fleet.emitted("anomaly.opened") == []  # nobody judges yet
    await fleet.ask()
    (first,) = await fleet.emitted("model.promoted")
    assert first.how == "gates"

    await fleet.run(2000)
    await fleet.run(1000, Fault("generator"))
    opened = await fleet.emitted("anomaly.opened")
    faulty = [item for item in opened if item.contributions[0].feature == "voltage"]
    assert {item.device for item in faulty} == {"t0", "t1"}
    assert {item.model.sha256 for item in faulty} == {first.model.sha256}

    await fleet.run(16_000, Fault("drift"))
    drifts = await fleet.emitted("drift.detected")
    assert drifts
    assert drifts[0].model.sha256 == first.model.sha256
    promoted: list[ModelPromoted] = await fleet.emitted("model.promoted")
    for _ in range(6):
        if len(promoted) >= 2:
            break
        # The drift was found before enough had been collected, and an iteration is tried again.
        await fleet.run(4_000, Fault("drift"))
        await asyncio.sleep(2.5)
        promoted = await fleet.emitted("model.promoted")
    assert len(promoted) >= 2
    assert promoted[1].previous == first.model
    last_dataset = (await fleet.emitted("model.dataset"))[1]
    assert last_dataset.quarantined_items > 0

    await _check_origin(fleet, tmp_path, faulty[0].anomaly_id, first)
    await _check_records(fleet, promoted)
    await _check_evaluation(fleet, promoted[-1].model)


async def _check_origin(
    fleet: Fleet, tmp_path: Path, anomaly_id: str, promoted: ModelPromoted
) -> None:
    """From the anomaly to the model, the batches it was learnt from, the code, the promotion."""
    origin = await anomaly_provenance(fleet.runtime.settings.data, anomaly_id)
    assert origin["found"]["stage"] == "detect 1"
    assert origin["found"]["models"][0]["sha256"] == promoted.model.sha256
    (training,) = origin["trainings"]
    assert training["stage"] == "retrain.train 1"
    assert len(training["code"]) == 64
    (dataset,) = origin["datasets"]
    (change,) = [record for record in origin["promotions"] if record["kind"] == "promote"]
    assert change["facts"]["counter"] == promoted.counter
    assert change["actor"] == "stage:retrain.promote"
    # each batch of the manifest is an event on the bus, and its digest leads to its records
    on_bus = {digest(event.data) for event in await events_on(fleet.runtime, "telemetry.readings")}
    assert set(dataset["train"]) < on_bus
    read = await fleet.runtime.store.read(
        lambda c: steps_of_artifact(c, dataset["train"][0], made=False)
    )
    stages = {record.build.stage for record in read if record.build}
    assert stages == {"detect", "retrain.collect"}


async def _check_records(fleet: Fleet, promoted: list[ModelPromoted]) -> None:
    store = fleet.runtime.store
    records = await store.read(lambda c: steps_of_subject(c, "model:turbine"))
    kinds = [record.kind for record in records]
    assert {"train", "evaluate", "promote"} <= set(kinds)
    assert kinds.count("promote") == len(promoted)
    newest = promoted[-1]
    in_use = await store.read(lambda c: model_in_use(c, "turbine"))
    assert in_use is not None
    assert in_use.sha256 == newest.model.sha256
    info = await store.read(lambda c: find_model(c, "turbine"))
    assert (info.status, info.known.version) == ("in use", newest.model.version)

    change = await roll_back(fleet.runtime, "turbine", "too eager")
    assert change.model == newest.previous
    assert change.counter == newest.counter + 1
    in_use = await store.read(lambda c: model_in_use(c, "turbine"))
    assert in_use is not None
    assert newest.previous is not None
    assert (in_use.sha256, in_use.act) == (newest.previous.sha256, "rollback")


async def _check_evaluation(fleet: Fleet, withdrawn: ModelRef) -> None:
    """What was gone back from is evaluated beside what is in use again, and stays out of use."""
    store = fleet.runtime.store
    in_use = await store.read(lambda c: model_in_use(c, "turbine"))
    await asyncio.sleep(1.2)  # the going back as well
    promotions = await fleet.emitted("model.promoted")
    trained = next(t for t in await fleet.emitted("model.trained") if t.model == withdrawn)
    target = EvaluationTarget(
        model=withdrawn, artifact=trained.artifact, iteration=trained.iteration
    )
    await fleet.ask(target)
    evaluated = (await fleet.emitted("model.evaluated"))[-1]
    assert evaluated.requested_by == "evaluation"
    assert evaluated.model == withdrawn
    assert in_use is not None
    assert evaluated.champion.sha256 == in_use.sha256
    assert evaluated.dataset == (await fleet.emitted("model.dataset"))[-2].dataset
    info = await store.read(lambda c: find_model(c, "turbine", withdrawn.version))
    assert info.evaluation is not None
    assert info.evaluation["requested_by"] == "evaluation"
    assert await fleet.emitted("model.promoted") == promotions
    assert await store.read(lambda c: model_in_use(c, "turbine")) == in_use
