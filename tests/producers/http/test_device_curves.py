"""Curves of a device have the units of its machine, and say what its sensors cannot show."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.access.acts import acts_of
from lineal.runtime import Runtime
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.telemetry import TelemetryReadings
from tests.producers.http.test_diagram_pages import browser
from tests.producers.http.test_reviews import token

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
