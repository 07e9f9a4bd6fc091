"""A season is no drift, a fault is none either; a change for good is one, once."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import orjson
import pytest

from lineal.testing import StageHarness
from lineal_consumers.drift.config import DriftConfig
from lineal_consumers.drift.seasonal import HOUR_US, SeasonalProfile
from lineal_consumers.drift.stage import drift
from lineal_consumers.retrain.collecting import collect
from lineal_consumers.retrain.config import CollectConfig
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, MachineMarked
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import TelemetryReadings
from tests.consumers.drift.test_drift_stage import _trained
from tests.consumers.sensors import BOOT

BEGIN_US = 1_790_000_000_000_000 // HOUR_US * HOUR_US
AN_HOUR = 20
"""Readings."""


def weather(
    hours: int,
    *,
    cycle: float = 3.0,
    seed: int = 0,
    moved_at: int | None = None,
    moved: float = 1.0,
) -> np.ndarray:
    """Readings with a standard deviation of 1 about a daily cycle."""
    count = hours * AN_HOUR
    time = np.arange(count) / AN_HOUR
    values = cycle * np.sin(2 * math.pi * time / 24)
    values += np.random.default_rng(seed).standard_normal(count)
    if moved_at is not None:
        values += moved * (time >= moved_at)
    return values


def found_at(values: np.ndarray) -> list[int]:
    """After how many hours a drift is found."""
    profile, found = SeasonalProfile("daily", ["outside"]), []
    for index, value in enumerate(values):
        if profile.add(BEGIN_US + index * HOUR_US // AN_HOUR, [float(value)]):
            shift = profile.compare()
            if shift is not None and any(shift.lasting):
                found.append(index // AN_HOUR)
                profile.begin_anew()
    return found


@pytest.mark.parametrize(
    "cycle", [3.0, *(pytest.param(each, marks=pytest.mark.long) for each in (0.0, 1.0))]
)
def test_a_month_of_days_and_nights_is_no_drift(cycle: float) -> None:
    assert found_at(weather(30 * 24, cycle=cycle)) == []


def test_warm_and_cold_days_that_follow_each_other_are_no_drift() -> None:
    """What is away from the season fades within a day and a half, as weather does."""
    hours = 30 * 24
    kept = math.exp(-1 / (36 * AN_HOUR))
    fronts = np.random.default_rng(3).standard_normal(hours * AN_HOUR) * math.sqrt(1 - kept**2)
    for index in range(1, len(fronts)):
        fronts[index] += kept * fronts[index - 1]
    assert found_at(weather(hours) * 0.3 + fronts) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_move_for_good_is_found_within_six_hours_and_once(seed: int) -> None:
    moved_at = 20 * 24 + 5
    [found] = found_at(weather(30 * 24, seed=seed, moved_at=moved_at))
    assert moved_at < found <= moved_at + 6


def test_days_that_differ_are_no_drift_and_do_not_hide_one_for_more_than_a_day() -> None:
    """The cycle is a fifth larger on some days, and smaller on others."""
    hours, moved_at = 30 * 24, 20 * 24 + 5
    size = 1 + 0.2 * np.random.default_rng(7).standard_normal(30)
    cycle = np.sin(2 * math.pi * np.arange(hours * AN_HOUR) / AN_HOUR / 24)
    values = weather(hours, cycle=0.0, seed=7) + 3 * np.repeat(size, 24 * AN_HOUR) * cycle
    assert found_at(values) == []
    values[moved_at * AN_HOUR :] += 1.5
    [found] = found_at(values)
    assert moved_at < found <= moved_at + 30


def test_nothing_is_said_before_the_season_is_known() -> None:
    assert found_at(weather(48, moved_at=30, moved=5.0)) == []


def test_late_readings_and_silent_sensors_disturb_nothing() -> None:
    profile = SeasonalProfile("weekly", ["a", "b"])
    assert not profile.add(BEGIN_US + HOUR_US, [1.0, None])
    assert not profile.add(BEGIN_US, [1.0, 2.0]), "the clock was set back"
    for hour in range(2, 400):
        for _ in range(12):
            profile.add(BEGIN_US + hour * HOUR_US, [1.0, math.nan])
        shift = profile.compare()
        assert shift is None or not any(shift.lasting)
    assert len(profile.hours) <= 6 * 168


def test_readings_that_follow_each_other_closely_count_once() -> None:
    profile = SeasonalProfile("daily", ["a"], spacing_us=60_000_000)
    for second in range(600):
        profile.add(BEGIN_US + second * 1_000_000, [float(second)])
    assert profile.hours[0].counts == [10.0]


def hourly(values: np.ndarray, device: str = "roof-1") -> Iterator[TelemetryReadings]:
    step = HOUR_US // AN_HOUR
    for hour in range(len(values) // AN_HOUR):
        rows = values[hour * AN_HOUR : (hour + 1) * AN_HOUR]
        yield TelemetryReadings(
            device=device,
            boot_id=BOOT,
            first_seq=hour * AN_HOUR + 1,
            last_seq=(hour + 1) * AN_HOUR,
            monotonic_us=hour * HOUR_US,
            wall_us=BEGIN_US + hour * HOUR_US,
            features=("outside",),
            offsets_us=tuple(index * step for index in range(AN_HOUR)),
            values=tuple((float(value),) for value in rows),
        )


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    configs = [
        CollectConfig(block_batches=2),
        DriftConfig(models={"*": "roof"}, seasons={"roof-*": "daily"}),
    ]
    async with StageHarness(collect, drift, config=configs) as opened:
        sample = orjson.dumps({"features": ["outside"], "rows": [[0.0]] * 50})
        reference = await opened.put(sample, "application/json")
        model = await opened.put(b"model 1")
        ref = ModelRef(name="roof", version=1, sha256=model.sha256)
        await opened.send(_trained(ref, model, reference))
        await opened.use_artifact("roof", b"model 1", version=1)
        yield opened


async def test_a_device_with_a_season_is_compared_with_its_own_days(harness: StageHarness) -> None:
    for batch in hourly(weather(5 * 24, moved_at=4 * 24, moved=2.0)):
        await harness.send(batch)
    [found] = harness.outputs(DriftDetected)
    assert found.test == "seasonal"
    assert found.device == "roof-1"
    [feature] = found.features
    assert feature.drifted
    assert feature.mean - feature.reference_mean > 0.5
    assert found.to_us <= BEGIN_US + (4 * 24 + 6) * HOUR_US


async def test_one_change_of_several_devices_is_one_drift(harness: StageHarness) -> None:
    devices = [
        hourly(weather(5 * 24, seed=seed, moved_at=4 * 24, moved=2.0), f"roof-{seed}")
        for seed in (1, 2)
    ]
    for batches in zip(*devices, strict=True):
        for batch in batches:
            await harness.send(batch)
    assert len(harness.outputs(DriftDetected)) == 1


async def test_what_people_say_was_a_fault_is_no_drift(harness: StageHarness) -> None:
    begin = BEGIN_US + 4 * 24 * HOUR_US
    mark = MachineMarked(
        device="roof-1", mark="0" * 36, fault="sensor", from_us=begin,
        to_us=begin + 24 * HOUR_US, by="ann", marked_us=1,
    )  # fmt: skip
    await harness.send(mark)
    for batch in hourly(weather(5 * 24, moved_at=4 * 24, moved=2.0)):
        await harness.send(batch)
    assert harness.outputs(DriftDetected) == []


async def test_a_fault_is_no_drift(harness: StageHarness) -> None:
    values = weather(5 * 24, moved_at=4 * 24, moved=2.0)
    model = ModelRef(name="roof", version=1, sha256="0" * 64)
    common: dict[str, Any] = {
        "device": "roof-1", "anomaly_id": "x", "detector": "bus", "model": model,
        "threshold": 1.0, "boot_id": BOOT, "first_seq": 4 * 24 * AN_HOUR + 1, "wall_us": BEGIN_US,
    }  # fmt: skip
    for hour, batch in enumerate(hourly(values)):
        if hour == 4 * 24:
            await harness.send(
                AnomalyOpened(**common, last_seq=batch.last_seq, score=9.0, contributions=())
            )
        await harness.send(batch)
    assert harness.outputs(DriftDetected) == []
    closed = AnomalyClosed(**common, last_seq=len(values), peak_score=9.0, reason="normal")
    await harness.send(closed)
    for batch in hourly(np.concatenate([values, weather(12)])):
        if batch.first_seq > len(values):
            await harness.send(batch)
    assert harness.outputs(DriftDetected) == []
