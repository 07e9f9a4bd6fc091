"""Pages of devices: units, what sensors cannot show, and identities that were copied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lineal.access.acts import acts_of
from lineal.runtime import Runtime
from lineal_catalog.devices.register import STAGE, Device
from lineal_console.model_drifts import DriftedFeature, drifts_of
from lineal_schemas.anomalies import AnomalyOpened, Contribution
from lineal_schemas.drift import DriftDetected, FeatureDrift
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import DeviceBirth, TelemetryReadings
from tests.producers.http.test_diagram_pages import browser
from tests.producers.http.test_reviews import request_item, token

MODEL = ModelRef(name="pump", version=1, sha256="0" * 64)
MACHINE = """
devices = ["pump-*"]
[channels.pressure]
unit = "bar"
range = [0, 16]
[channels.hours]
unit = "h"
kind = "counter"
"""


@pytest.mark.parametrize("described", [True, False])
async def test_units_and_values_beyond_a_range(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, described: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "pump.toml").write_text(MACHINE if described else "devices = [")
    batch = TelemetryReadings(
        device="pump-1", boot_id="0" * 32, first_seq=1, last_seq=4,
        features=("pressure", "hours", "extra"), wall_us=now_us(), monotonic_us=1,
        offsets_us=(0, 1, 2, 3), values=((3, 1, 0), (17, 2, 0), (-1, 3, 0), (16, 1e9, 0)),
    )  # fmt: skip
    event = first_event(batch, id="b", source="test", time=batch.wall_us)
    await runtime.bus.publish([(event.type, event)])
    async with browser(runtime, await token(runtime, "ann", *acts_of("reader"))) as client:
        drawn = (await client.get("/console/fleet/devices/pump-1/curves?seconds=60")).json()
    assert drawn["features"] == ["pressure", "hours", "extra"]
    if not described:  # a file that was broken while the service runs takes nothing but units
        assert (drawn["units"], drawn["outside"]) == (["", "", ""], [])
        return
    assert drawn["units"] == ["bar", "h", ""]
    assert drawn["outside"] == [
        {"feature": "pressure", "count": 2, "range": [0, 16], "unit": "bar"}
    ]  # fmt: skip


async def test_a_copied_identity_is_seen_on_the_pages(runtime: Runtime) -> None:
    boots = ["a" * 32, "b" * 32, "a" * 32]
    device = Device(device="pump-1")
    for number, boot in enumerate(boots, 1):
        birth = DeviceBirth(
            device="pump-1", boot_id=boot, session=number, monotonic_us=number, wall_us=number,
            agent_version="1", agent_digest="0" * 64, config_digest="0" * 64,
        )  # fmt: skip
        device = device.after(birth, number)
    assert device.cloned == 1
    row = device.model_dump_json().encode()
    await runtime.store.write(
        lambda c: c.execute(
            "INSERT INTO state (stage, name, event_id, before, after) VALUES (?, ?, ?, ?, ?)",
            (STAGE, "pump-1", "", None, row),
        )
    )
    async with browser(runtime, await token(runtime, "ann", *acts_of("reader"))) as client:
        assert "cloned</span>" in (await client.get("/console/fleet")).text
        assert "its key was copied" in (await client.get("/console/fleet/devices/pump-1")).text


async def test_who_is_asked_about_an_anomaly_sees_its_curves(runtime: Runtime) -> None:
    item = await request_item(runtime, "pump-1")
    headers = await token(runtime, "ann", *acts_of("reviewer"))
    begin = now_us() - 120_000_000
    async with browser(runtime, headers) as client:
        without = await client.get(f"/console/review/{item}")  # its event is kept no longer
        assert (without.status_code, "data-curves" in without.text) == (200, False)
        opened = AnomalyOpened(
            anomaly_id="a", device="pump-1", boot_id="0" * 32, model=MODEL, threshold=1, score=2,
            detector="bus", first_seq=1, last_seq=9, wall_us=begin,
            contributions=(Contribution(feature="flow", share=1),),
        )  # fmt: skip
        event = first_event(opened, id="o", source="test", time=begin)
        await runtime.bus.publish([(event.type, event)])
        shown = (await client.get(f"/console/review/{item}")).text
        [curves] = re.findall(r'data-curves="([^"]+)"', shown)
        assert "still open" in shown and "(<bdi>flow</bdi>)" in shown
        drawn = (await client.get(curves.replace("&amp;", "&"))).json()
    assert [each["id"] for each in drawn["anomalies"]] == ["a"]


async def test_drifts_of_a_model_are_said_in_the_units_of_its_machine(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "pump.toml").write_text(MACHINE)
    assert await drifts_of(runtime, "pump", 5) == []
    for number in range(7):
        drift = DriftDetected(
            name="pump", model=MODEL, device="pump-1", test="seasonal", significance=0.01,
            reference="0" * 64, samples=9, from_us=number, to_us=number + 1,
            features=(
                FeatureDrift(feature="pressure", statistic=3, drifted=True, reference_mean=2,
                             mean=3.5),
                FeatureDrift(feature="hours", statistic=0, drifted=False, reference_mean=1, mean=1),
            ),
        )  # fmt: skip
        event = first_event(drift, id=f"d{number}", source="test")
        await runtime.bus.publish([(event.type, event)])
    found = await drifts_of(runtime, "pump", 5)
    assert [each.from_us for each in found] == [6, 5, 4, 3, 2]
    assert found[0].features == (DriftedFeature("pressure", 2, 3.5, "bar"),)
