"""Settings of stages and dependencies that there are not are refused, or said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import BaseModel

from lineal import Context, Dependency, stage
from lineal.daemon import Daemon
from lineal.errors import WrongConfiguration
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages import named_in_settings
from tests.conformance.workload import Done, Task


class ChargeConfig(BaseModel):
    """As people write it: without saying that other names are forbidden."""

    currency: str = "EUR"


@stage(
    "charge", version="1", produces=Done, memo=False, retry_delays=["1m"],
    calls=[Dependency(name="carrier")],
)  # fmt: skip
async def charge(task: Task, ctx: Context[ChargeConfig]) -> Done:
    return Done(key=task.key, number=task.number)


@stage("refund", version="1")
async def refund(task: Task, ctx: Context[ChargeConfig]) -> None: ...


async def start(folder: Path, *stages: Any, **given: Any) -> list[dict[str, Any]]:
    """Run stages for a moment; what the log warned of."""
    settings = Settings.model_validate(
        {"data": folder, "durability": "normal", "workers": 1, "log": {"enabled": False}, **given}
    )
    # a logger that another test's daemon has used keeps that one's processors
    with pytest.MonkeyPatch.context() as patched, structlog.testing.capture_logs() as logged:
        patched.setattr("lineal.daemon.log", structlog.get_logger())
        async with open_runtime(settings) as runtime:
            daemon = Daemon(runtime, stages)
            try:
                await daemon.start()
            finally:
                await daemon.stop()
    return [dict(line) for line in logged if line["event"] == "settings.of_no_stage"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"retry": {"delays": {"chrage": ["1s"]}}}, r"retry\.delays\.chrage.*mean charge\?"),
        ({"stages": {"charg": {}}}, r"stages\.charg\].*mean charge\?"),
        ({"stages": {"charge": {"curency": "EUR"}}}, r"charge\.curency\].*mean currency\?"),
        ({"stages": {"refund": {"curency": "EUR"}}}, r"refund\.curency\].*mean currency\?"),
        ({"dependencies": {"carier": {"failures": 2}}},
         r"dependencies\.carier.*did you mean carrier\?"),
    ],
)  # fmt: skip
async def test_a_misspelt_name_is_refused_with_the_one_meant(
    tmp_path: Path, given: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_in_settings, "installed_stages", lambda: {"refund": refund})
    with pytest.raises(WrongConfiguration, match=says):
        await start(tmp_path, charge, **given)


async def test_names_that_fit_or_belong_to_another_program_do_not_stop_a_daemon(
    tmp_path: Path,
) -> None:
    given = {
        "retry": {"delays": {"charge": ["1s"], "zzz": ["1s"]}},
        "dependencies": {"carrier": {"failures": 2}},
    }
    warned = await start(tmp_path, charge, **given)
    assert [line["setting"] for line in warned] == ["retry.delays.zzz"]
