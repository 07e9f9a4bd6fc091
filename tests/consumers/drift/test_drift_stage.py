"""A drift is told once, when there is one, and not for a device that is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from lineal_catalog.models.promotions import Promotion
from lineal_consumers.drift.config import DriftConfig
from lineal_consumers.drift.stage import drift
from lineal_consumers.retrain.collecting import collect
from lineal_consumers.retrain.config import CollectConfig
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import ModelRef, ModelTrained, Provenance
from lineal_schemas.objects import ObjectRef
from tests.consumers.context import MemoryContext, event_of, handled
from tests.consumers.sensors import PERIOD_US, batches

FEATURES = ("a", "b", "c")
SECOND = 1_000_000


def readings(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, len(FEATURES)))


class Watch:
    """The stage, with devices whose readings come in blocks of 160."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        settings = {
            "spacing_seconds": PERIOD_US / SECOND, "sample": 400, "least_sample": 300,
            "cool_down_seconds": 60, "least_shift": 0.1,
        }  # fmt: skip
        self.collecting = MemoryContext(folder, CollectConfig(block_batches=8))
        self.ctx = MemoryContext(folder, DriftConfig(**{**settings, **changes}))
        self.ctx.objects = self.collecting.objects
        self.sent: dict[str, int] = {}

    async def put_in_use(self, version: int = 1, seed: int = 0, **shift: float) -> None:
        rows = readings(500, seed) + np.array([shift.get(name, 0.0) for name in FEATURES])
        sample = orjson.dumps({"features": FEATURES, "rows": rows.tolist()})
        reference = self.ctx.objects.add(sample, "application/json")
        model = self.ctx.objects.add(f"model {version}".encode())
        ref = ModelRef(name="turbine", version=version, sha256=model.sha256)
        await handled(drift, event_of(_trained(ref, model, reference)), self.ctx)
        self.ctx.models["turbine"] = Promotion(
            "turbine", version, version, model.sha256, model.bytes, model.media_type, "promote",
            "test", 1,
        )  # fmt: skip

    async def see(self, values: np.ndarray, device: str = "t1") -> list[DriftDetected]:
        first = self.sent.get(device, 0) + 1
        self.sent[device] = first + len(values) - 1
        found: list[DriftDetected] = []
        for batch in batches(values, device=device, first_seq=first, features=FEATURES):
            for block in await handled(collect, event_of(batch), self.collecting):
                found += await handled(drift, event_of(block), self.ctx)
        return found


def _trained(model: ModelRef, artifact: ObjectRef, reference: ObjectRef) -> ModelTrained:
    made = Provenance(seeds={}, threads=1, code_sha256="0" * 64, python="3", platform="x")
    return ModelTrained(
        name=model.name, model=model, iteration=1, algorithm="pca", artifact=artifact,
        dataset="d" * 64, manifest=reference, provenance=made, reference=reference,
    )  # fmt: skip


@pytest.fixture
async def watch(tmp_path: Path) -> Watch:
    made = Watch(tmp_path)
    await made.put_in_use()
    return made


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


async def test_adwin_tells_a_shift_and_nothing_of_readings_as_in_training(tmp_path: Path) -> None:
    watch = Watch(tmp_path, test="adwin", least_shift=0.3)
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


async def test_a_change_too_small_to_matter_is_let_be(tmp_path: Path) -> None:
    watch = Watch(tmp_path, least_shift=0.5)
    await watch.put_in_use()
    assert await watch.see(readings(4000, seed=3) + 0.5) == []


async def test_a_feature_that_is_left_out_is_not_tested(tmp_path: Path) -> None:
    watch = Watch(tmp_path, left_out=("b",))
    await watch.put_in_use()
    moved = readings(1600, seed=3)
    moved[:, 1] += 5.0
    assert await watch.see(moved) == []


async def test_a_sensor_that_fell_silent_has_drifted(watch: Watch) -> None:
    silent = readings(800, seed=3)
    silent[:, 2] = np.nan
    (found,) = await watch.see(silent)
    assert [item.feature for item in found.features if item.drifted] == ["c"]


async def test_without_a_model_in_use_nothing_is_kept(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    assert await watch.see(readings(1600) + 9.0) == []
    assert watch.ctx.state.kept == {}


async def test_what_is_kept_of_a_device_does_not_grow(watch: Watch) -> None:
    await watch.see(readings(1600, seed=5))
    before = len(watch.ctx.state.kept["sample/t1"])
    await watch.see(readings(3200, seed=6))
    assert len(watch.ctx.state.kept["sample/t1"]) < 1.1 * before
