"""``lineal doctor``: what is broken, and what to do."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from lineal.access.credential import owner_credential
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_catalog.models.release_current import publish_snapshot
from lineal_catalog.models.release_roots import publish_root
from lineal_cli.check import Check
from lineal_cli.device_checks import check_devices
from lineal_cli.server_checks import check_servers
from lineal_consumers.devices.stage import devices as register_of_devices
from lineal_local.aws import Emulator
from lineal_local.kafka import Kafka
from lineal_producers.mqtt.authority import Authority
from lineal_schemas.envelope import first_event
from lineal_schemas.telemetry import DeviceBirth
from lineal_scoring.release_root import first_root
from tests.cli.processes import lineal
from tests.conformance.harness import running, until_settled
from tests.edge.update.roots import root


def states(answer: str) -> dict[str, str]:
    return {check["name"]: check["state"] for check in orjson.loads(answer)}


def test_a_good_machine(tmp_path: Path) -> None:
    answer = lineal(tmp_path, "doctor", "--json", "--port", "0")
    assert answer.returncode == 0, answer.stdout
    assert set(states(answer.stdout).values()) <= {"fine", "warning"}
    assert not (tmp_path / "data").exists()


def test_a_language_without_data_is_broken_with_its_package(tmp_path: Path) -> None:
    (tmp_path / "lineal.toml").write_text('[stages.ocr]\nlanguage = "eng+xxx"')
    answer = lineal(tmp_path, "doctor", "--json", "--port", "0")
    assert answer.returncode == 1
    (models,) = [check for check in orjson.loads(answer.stdout) if check["name"] == "models"]
    assert models["state"] == "broken"
    assert "'xxx' are not installed" in models["found"]
    assert "apt install tesseract-ocr-xxx" in models["remedy"]


def test_what_is_broken_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "lineal.toml").write_text('bus = "kafka://"')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lineal.db").write_bytes(b"this is no database" * 100)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        answer = lineal(tmp_path, "doctor", "--json", "--port", str(other.getsockname()[1]))
    assert answer.returncode == 1
    broken = {
        check["name"]: check["remedy"]
        for check in orjson.loads(answer.stdout)
        if check["state"] == "broken"
    }
    assert set(broken) == {"bus", "database", "port"}
    assert all(broken.values())


def servers(folder: Path, **settings: str) -> dict[str, Check]:
    """What is said of the servers that the settings name."""
    return {
        check.name: check
        for check in check_servers(Settings.model_validate({"data": folder / "data", **settings}))
    }


def test_servers_that_are_there(
    tmp_path: Path, kafka: Kafka, aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    found = servers(tmp_path, bus=f"kafka://{kafka.bootstrap}")
    assert {name: check.state for name, check in found.items()} == {"bus": "fine"}
    assert "1 broker," in found["bus"].found
    found = servers(tmp_path, bus=f"aws://{aws.region}", objects="s3://there-is-none/x")
    assert found["bus"].state == "fine"
    assert aws.account in found["bus"].found
    assert found["large objects"].state == "broken"
    assert "make the bucket" in found["large objects"].remedy
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bus": "kafka://127.0.0.1:1"}, "no Kafka broker answers"),
        ({"bus": "kafka://"}, "names no broker"),
        ({"bus": "aws://eu-central-1?perfix=x"}, "no setting perfix"),
        ({"bus": "rabbit://host"}, "there are 'sqlite:', 'kafka://HOST:PORT'"),
        ({"objects": "ftp://host"}, "'s3://BUCKET'"),
    ],
)
def test_servers_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    (check,) = servers(tmp_path, **settings).values()
    assert check.state == "broken"
    assert said in check.found
    assert check.remedy


def test_a_wrong_setting_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "lineal.toml").write_text('port = "none"')
    answer = lineal(tmp_path, "doctor", "--json")
    assert answer.returncode == 1
    assert states(answer.stdout)["settings"] == "broken"


def devices(folder: Path, now: datetime | None = None, **settings: Any) -> dict[str, Check]:
    """What is said of what expires."""
    found = check_devices(Settings.model_validate({"data": folder / "data", **settings}), now)
    return {check.name: check for check in found}


async def test_what_expires_is_said_in_time(tmp_path: Path) -> None:
    assert devices(tmp_path) == {}, "there are no devices"
    authority = Authority(tmp_path / "ca")
    authority.make_client("pump-1", days=400)
    settings: dict[str, Any] = {
        "mqtt": {"authority": tmp_path / "ca", "certificate": tmp_path / "bridge.crt"}
    }
    (tmp_path / "bridge.crt").write_bytes(authority.make_client("bridge", days=300)[1])
    assert devices(tmp_path, **settings)["certificates"].state == "fine"
    expires = datetime.now(UTC) + timedelta(days=20)
    async with open_runtime(Settings(data=tmp_path / "data", durability="normal")) as runtime:
        for device in ("pump-2", "pump-3"):
            birth = DeviceBirth(
                device=device, boot_id="0" * 32, session=1, monotonic_us=1, wall_us=1,
                agent_version="1", agent_digest="0" * 64, config_digest="0" * 64,
                certificate_expires_us=int(expires.timestamp()) * 1_000_000,
            )  # fmt: skip
            event = first_event(birth, id=birth.event_id, source="test")
            await runtime.bus.publish([(event.type, event)])
        async with running(runtime, runtime.bind(register_of_devices)):
            await until_settled(runtime, "devices")
        data = root(None, "ann", root_keys="ann", package_keys="p", days=9)
        await publish_root(runtime, data, owner_credential())
    said = devices(tmp_path, **settings)
    assert (said["certificates"].state, said["root of trust"].state) == ("warning", "warning")
    assert "pump-2, pump-3" in said["certificates"].found
    assert "bridge" not in said["certificates"].found
    assert "root 1" in said["root of trust"].found
    (tmp_path / "bridge.crt").write_text("no certificate")
    assert devices(tmp_path, **settings)["certificates"].state == "broken"


async def test_a_timestamp_that_nobody_signs_is_said(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    async with open_runtime(Settings(data=tmp_path / "data", durability="normal")) as runtime:
        data = root(None, "ann", root_keys="ann", package_keys="p")
        await publish_root(runtime, data, owner_credential())
        assert "current packages" not in devices(tmp_path), "the root has no key for it"
        data = root(first_root(data), "ann", online_keys="clock")
        await publish_root(runtime, data, owner_credential())
        assert devices(tmp_path)["current packages"].state == "broken", "there is none"
        expires_us = int((now + timedelta(hours=24)).timestamp()) * 1_000_000
        await publish_snapshot(
            runtime, b"a timestamp", b"a snapshot", snapshot_version=1, expires_us=expires_us,
            actor="process:releases",
        )  # fmt: skip
        await runtime.flush_ledger()
    for hours, state in ((1, "fine"), (15, "fine"), (17, "warning"), (25, "broken")):
        said = devices(tmp_path, now + timedelta(hours=hours))["current packages"]
        assert (said.state, bool(said.remedy)) == (state, state != "fine"), hours
