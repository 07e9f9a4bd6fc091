"""A drift is told once, when there is one, and not for a device that is as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import orjson
import pytest

from lineal.testing import StageHarness
from lineal_consumers.drift.config import DriftConfig
from lineal_consumers.drift.stage import drift
from lineal_consumers.retrain.collecting import collect
from lineal_consumers.retrain.config import CollectConfig
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import ModelRef, ModelTrained, Provenance
from lineal_schemas.objects import ObjectRef
from tests.consumers.sensors import PERIOD_US, batches

FEATURES = ("a", "b", "c")
SECOND = 1_000_000


def readings(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, len(FEATURES)))


class Watch:
    """The stage, with devices whose readings come in blocks of 160."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness
        self.sent: dict[str, int] = {}

    async def put_in_use(self, version: int = 1, seed: int = 0, **shift: float) -> None:
        rows = readings(500, seed) + np.array([shift.get(name, 0.0) for name in FEATURES])
        sample = orjson.dumps({"features": FEATURES, "rows": rows.tolist()})
        reference = await self.harness.put(sample, "application/json")
        data = f"model {version}".encode()
        model = await self.harness.put(data)
        ref = ModelRef(name="turbine", version=version, sha256=model.sha256)
        await self.harness.send(_trained(ref, model, reference))
        await self.harness.use_artifact("turbine", data, version=version)

    async def see(self, values: np.ndarray, device: str = "t1") -> list[DriftDetected]:
        first = self.sent.get(device, 0) + 1
        self.sent[device] = first + len(values) - 1
        before = len(self.harness.outputs(DriftDetected))
        for batch in batches(values, device=device, first_seq=first, features=FEATURES):
            await self.harness.send(batch)
        return self.harness.outputs(DriftDetected)[before:]

    async def kept(self) -> dict[str, bytes]:
        """What the stage keeps."""
        return await self.harness.state_items(drift, "", bytes)


@asynccontextmanager
async def watching(**changes: Any) -> AsyncIterator[Watch]:
    """The stage, with nothing in use yet."""
    settings = {
        "spacing_seconds": PERIOD_US / SECOND, "sample": 400, "min_sample": 300,
        "cool_down_seconds": 60, "min_shift": 0.1,
    }  # fmt: skip
    configs = [CollectConfig(block_batches=8), DriftConfig(**{**settings, **changes})]
    async with StageHarness(collect, drift, config=configs) as harness:
        yield Watch(harness)


def _trained(model: ModelRef, artifact: ObjectRef, reference: ObjectRef) -> ModelTrained:
    made = Provenance(seeds={}, threads=1, code_sha256="0" * 64, python="3", platform="x")
    return ModelTrained(
        name=model.name, model=model, iteration=1, algorithm="pca", artifact=artifact,
        dataset="d" * 64, manifest=reference, provenance=made, reference=reference,
    )  # fmt: skip


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    async with watching() as made:
        await made.put_in_use()
        yield made


async def test_readings_as_in_training_have_not_drifted(watch: Watch) -> None:
    assert await watch.see(readings(8000, seed=5)) == []


async def test_a_drift_says_which_feature_moved_and_when(watch: Watch) -> None:
    await watch.see(readings(1600, seed=2))
    moved = readings(960, seed=3)
    moved[:, 1] += 1.0
    (found,) = await watch.see(moved)
    assert [item.feature for item in found.features if item.drifted] == ["b"]
    assert found.device == "t1"
    assert found.model.version == 1
    assert found.reference == "d" * 64
    assert found.from_us < found.to_us
    assert 300 <= found.samples <= 400


async def test_adwin_tells_a_shift_and_nothing_of_readings_as_in_training() -> None:
    async with watching(test="adwin", min_shift=0.3) as watch:
        await watch.put_in_use()
        assert await watch.see(readings(4000, seed=5)) == []
        moved = readings(960, seed=3)
        moved[:, 1] += 1.0
        (found,) = await watch.see(moved, device="t2")
        assert [item.feature for item in found.features if item.drifted] == ["b"]
        assert (found.test, found.correction) == ("adwin", "bonferroni")
        assert {item.p_value for item in found.features} == {None}


async def test_a_drift_is_told_once_until_it_has_cooled_down(watch: Watch) -> None:
    moved = readings(1120, seed=3) + 1.0
    assert len(await watch.see(moved)) == 1
    other = readings(1100, seed=4) + 1.0
    assert await watch.see(other, device="t2") == []  # of the same model, in the same minute
    assert len(await watch.see(readings(1440, seed=6) + 1.0)) == 1


async def test_few_new_readings_tell_nothing(watch: Watch) -> None:
    assert await watch.see(readings(280, seed=3) + 3.0) == []


async def test_a_new_model_is_compared_with_its_own_training(watch: Watch) -> None:
    assert len(await watch.see(readings(800, seed=3) + 1.0)) == 1
    await watch.put_in_use(version=2, seed=9, a=1.0, b=1.0, c=1.0)
    assert await watch.see(readings(4000, seed=4) + 1.0) == []


async def test_a_change_too_small_to_matter_is_let_be() -> None:
    async with watching(min_shift=0.5) as watch:
        await watch.put_in_use()
        assert await watch.see(readings(4000, seed=3) + 0.5) == []


async def test_a_feature_that_is_left_out_is_not_tested() -> None:
    async with watching(excluded=("b",)) as watch:
        await watch.put_in_use()
        moved = readings(1600, seed=3)
        moved[:, 1] += 5.0
        assert await watch.see(moved) == []


async def test_a_sensor_that_fell_silent_has_drifted(watch: Watch) -> None:
    silent = readings(800, seed=3)
    silent[:, 2] = np.nan
    (found,) = await watch.see(silent)
    assert [item.feature for item in found.features if item.drifted] == ["c"]


async def test_without_a_model_in_use_nothing_is_kept() -> None:
    async with watching() as watch:
        assert await watch.see(readings(1600) + 9.0) == []
        assert await watch.kept() == {}


async def test_what_is_kept_of_a_device_does_not_grow(watch: Watch) -> None:
    await watch.see(readings(1600, seed=5))
    before = len((await watch.kept())["sample/t1"])
    await watch.see(readings(3200, seed=6))
    assert len((await watch.kept())["sample/t1"]) < 1.1 * before
