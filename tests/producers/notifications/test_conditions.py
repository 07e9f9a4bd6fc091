"""Each condition finds what it is about."""

from __future__ import annotations

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import AsyncMock

import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_producers.mqtt.certificate_register import CertificateRegister, Issued
from lineal_producers.notifications.conditions import Found, find, together
from lineal_producers.notifications.settings import DEFAULT_RULES, NotificationRule
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
    assert (expiring.key, round(expiring.value)) == ("", 10)
    assert expiring.text.startswith("the certificate of turbine-1 expires on ")
    assert set(map(len, quiet.values())) == {0}


async def test_all_groups_that_wait_are_told_of_in_one_notice() -> None:
    rule = NotificationRule(condition="lag", limit=1)

    async def told(**lags: int) -> list[Found]:
        groups = [SimpleNamespace(group=group, lag=lag) for group, lag in lags.items()]
        bus = SimpleNamespace(topics=AsyncMock(return_value=[SimpleNamespace(groups=groups)]))
        return await find(cast("Runtime", SimpleNamespace(bus=bus)), rule)

    [several] = await told(index=3, nlp=5, quick=1)
    assert several.text == "2 groups have events still to handle: nlp (5), index (3)"
    assert (several.value, several.page) == (5, "/console/flow")
    [one] = await told(index=3)
    assert one.text == "index has 3 events still to handle"
    # Fewer or more groups are the same notice: it is over when none waits.
    assert several.key == one.key
    assert await told(index=1) == []


def test_many_are_named_in_part_the_worst_first() -> None:
    names = [Found(f"d{n}", n, "", "/console/fleet", f"d{n}") for n in reversed(range(30))]
    [told] = together("certificate_days", names)
    assert told.text.startswith("30 certificates have expired, or soon do: d0, d1, ")
    assert told.text.endswith("d19, +10")
    assert told.value == 0
