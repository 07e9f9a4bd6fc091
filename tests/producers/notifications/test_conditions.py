"""Each condition finds what it is about."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_producers.mqtt.certificate_register import CertificateRegister, Issued
from lineal_producers.notifications.conditions import find
from lineal_producers.notifications.settings import DEFAULT_RULES
from lineal_schemas.deployments import DeploymentAborted
from tests.conformance.harness import publish


async def test_a_failed_rollout_and_a_certificate_that_expires_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    authority = tmp_path / "authority"
    authority.mkdir()
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=10)
    later = soon + datetime.timedelta(days=90)
    register = CertificateRegister(authority)
    register.add(Issued(1, "turbine-1", soon))
    register.add(Issued(2, "turbine-2", later))
    settings = Settings.model_validate(
        {"data": tmp_path / "data", "durability": "normal", "workers": 1,
         "mqtt": {"authority": authority}}
    )  # fmt: skip
    async with open_runtime(settings) as runtime:
        quiet = {name: await find(runtime, rule) for name, rule in DEFAULT_RULES.items()}
        await publish(
            runtime, DeploymentAborted(rollout_id="r1", by="ann", reason="error_threshold")
        )
        [aborted] = await find(runtime, DEFAULT_RULES["rollouts"])
    assert aborted.key == "r1"
    assert aborted.text == "the rollout r1 was aborted: too many of its devices failed"
    assert aborted.page == "/console/fleet/rollouts/r1"
    [expiring] = quiet.pop("certificates")
    assert (expiring.key, round(expiring.value)) == ("turbine-1", 10)
    assert set(map(len, quiet.values())) == {0}
