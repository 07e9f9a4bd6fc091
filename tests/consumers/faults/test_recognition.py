"""An anomaly is called by the name of the fault whose examples it looks like, and by no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from lineal.testing import StageHarness
from lineal_consumers.faults.config import FaultsConfig
from lineal_consumers.faults.stage import faults
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyOpened,
    AnomalyUpdated,
    Contribution,
    FaultRecognised,
    MachineMarked,
)
from lineal_schemas.models import ModelRef
from lineal_schemas.reviews import AnomalyReviewed
from lineal_scoring.fault_kinds import Example, likeness, recognise

BEARING = {"vibration": 0.8, "temperature": 0.15, "flow": 0.05}
FILTER = {"flow": 0.7, "pressure": 0.3}
MINUTE_US = 60_000_000


def fields(number: int, device: str, model: str) -> dict[str, Any]:
    return {
        "device": device,
        "anomaly_id": f"a{number}",
        "detector": "bus",
        "model": ModelRef(name=model, version=1, sha256="0" * 64),
        "threshold": 1.0,
        "boot_id": "0" * 32,
        "first_seq": number * 100,
        "last_seq": number * 100 + 10,
        "wall_us": number * MINUTE_US,
    }


def opened(
    number: int, shares: dict[str, float], *, device: str = "pump-1", model: str = "pump"
) -> AnomalyOpened:
    parts = tuple(Contribution(feature=name, share=share) for name, share in shares.items())
    return AnomalyOpened(**fields(number, device, model), score=2.0, contributions=parts)


def mark(fault: str | None, minute: int, *, device: str = "pump-1", **more: Any) -> MachineMarked:
    return MachineMarked(
        **{
            "device": device,
            "mark": str(uuid4()),
            "fault": fault,
            "from_us": minute * MINUTE_US - 1000,
            "to_us": minute * MINUTE_US + 1000,
            "by": "ann",
            "marked_us": 1,
            **more,
        }
    )


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    async with StageHarness(faults, config=[FaultsConfig()]) as ready:
        yield ready


async def recognised(harness: StageHarness, anomaly: Any) -> FaultRecognised | None:
    made = await harness.send(anomaly)
    found = [item for item in made if isinstance(item, FaultRecognised)]
    return found[0] if found else None


async def test_an_anomaly_is_called_by_the_fault_that_was_marked(harness: StageHarness) -> None:
    assert await recognised(harness, opened(1, BEARING)) is None
    assert await recognised(harness, opened(2, FILTER)) is None
    await harness.send(mark("bearing", 1))
    await harness.send(mark("filter", 2))
    near = {"vibration": 0.7, "temperature": 0.2, "flow": 0.1}
    found = await recognised(harness, opened(3, near, device="pump-2"))
    assert found is not None
    assert (found.fault, found.examples, found.anomaly_id) == ("bearing", 1, "a3")
    assert found.likeness > 0.95
    assert await recognised(harness, opened(4, {"current": 1.0})) is None
    other = await recognised(harness, opened(5, BEARING, model="turbine"))
    assert other is None, "a pump's faults say nothing of turbines"


async def test_a_time_that_is_marked_before_its_anomaly_counts_too(harness: StageHarness) -> None:
    await harness.send(mark("bearing", 1))
    await harness.send(opened(1, BEARING))
    found = await recognised(harness, opened(2, BEARING))
    assert found is not None
    assert found.fault == "bearing"


async def test_it_is_said_once_and_again_when_it_looks_like_another(harness: StageHarness) -> None:
    for number, shares, name in ((1, BEARING, "bearing"), (2, FILTER, "filter")):
        await harness.send(opened(number, shares))
        await harness.send(mark(name, number))
    assert await recognised(harness, opened(3, BEARING)) is not None
    parts = [
        tuple(Contribution(feature=name, share=share) for name, share in shares.items())
        for shares in (BEARING, FILTER)
    ]
    same, changed = (
        AnomalyUpdated(
            **fields(3, "pump-1", "pump"), score=2.0, peak_score=2.0, contributions=shares
        )
        for shares in parts
    )
    assert await recognised(harness, same) is None
    found = await recognised(harness, changed)
    assert found is not None
    assert found.fault == "filter"


async def test_what_was_taken_back_counts_no_more(harness: StageHarness) -> None:
    said = mark("bearing", 1)
    await harness.send(opened(1, BEARING))
    await harness.send(said)
    await harness.send(said.model_copy(update={"withdrawn": True}))
    assert await recognised(harness, opened(2, BEARING)) is None


async def test_what_people_found_to_be_normal_is_known_again(harness: StageHarness) -> None:
    await harness.send(opened(1, FILTER))
    await harness.send(
        AnomalyReviewed(device="pump-1", anomaly_id="a1", verdict="normal", by="ann", reviewed_us=1)
    )
    found = await recognised(harness, opened(2, FILTER))
    assert found is not None
    assert found.fault is None


async def test_a_mark_names_the_anomalies_that_lasted_into_it(harness: StageHarness) -> None:
    await harness.send(opened(1, BEARING))
    await harness.send(
        AnomalyClosed(
            **{**fields(1, "pump-1", "pump"), "wall_us": 9 * MINUTE_US},
            peak_score=2.0,
            reason="normal",
        )
    )
    await harness.send(mark("bearing", 5))
    assert await recognised(harness, opened(20, BEARING)) is not None


def test_what_is_like_two_faults_has_no_name() -> None:
    between = {"vibration": 0.5, "flow": 0.5}
    examples = [Example("bearing", {"vibration": 1.0}), Example("filter", {"flow": 1.0})]
    assert recognise(between, examples, 0.5, 0.03) is None
    assert likeness(between, between) == pytest.approx(1.0)
    assert recognise(between, [], 0.5, 0.03) is None
