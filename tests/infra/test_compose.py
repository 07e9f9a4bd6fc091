"""docker-compose.yml, read by compose-go's own loader; no engine runs, so nothing is started."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lineal.stages.discovery import installed_stages
from lineal_consumers.deploy.keys import read_key
from tests.services.missing import skipped_when_unavailable
from tests.toolchains import go_source

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "LINEAL_HTTP_TOKEN", "POSTGRES_PASSWORD", "MQTT_BRIDGE_PASSWORD", "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
}  # fmt: skip


@pytest.fixture(scope="session")
def loader() -> Path:
    with skipped_when_unavailable():
        return go_source(Path(__file__).parent / "compose")


def load(loader: Path, variables: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "docker-compose.yml", folder)
    return subprocess.run(
        [loader, "docker-compose.yml"], cwd=folder, capture_output=True,
        text=True, check=False,
        env={"PATH": os.environ["PATH"], **variables},
    )  # fmt: skip


@pytest.fixture(scope="session")
def model(loader: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The whole system as the loader understands it."""
    made = load(loader, dict.fromkeys(SECRETS, "x" * 48), tmp_path_factory.mktemp("compose"))
    assert made.returncode == 0, made.stderr
    loaded: dict[str, Any] = json.loads(made.stdout)
    return loaded


def workers(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: service
        for name, service in model["services"].items()
        if service.get("image", "").startswith("lineal:") and service.get("restart") != "no"
    }


def test_there_is_one_service_for_each_stage_and_producer(model: dict[str, Any]) -> None:
    commands = [service.get("command") or [] for service in model["services"].values()]
    run = [command[1] for command in commands if command[:1] == ["run"]]
    assert sorted(run) == sorted(installed_stages()), "docker-compose.yml: one service a stage"
    produced = [command[1] for command in commands if command[:1] == ["produce"]]
    assert sorted(produced) == ["folder", "http"]


def test_every_service_that_stays_says_whether_it_is_healthy(model: dict[str, Any]) -> None:
    for name, service in model["services"].items():
        if service.get("restart") != "no":
            assert service["healthcheck"]["test"], name
        for needed in service.get("depends_on", {}).values():
            assert needed["condition"] != "service_started", name


def test_our_services_run_without_rights(model: dict[str, Any]) -> None:
    ours = workers(model)
    assert len(ours) == len(installed_stages()) + len(("folder", "http", "bridge"))
    for service in ours.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["environment"]["LINEAL_BUS"].startswith("kafka://kafka:")


def test_the_bridge_is_between_the_broker_and_the_bus(model: dict[str, Any]) -> None:
    bridge = model["services"]["bridge"]
    assert bridge["command"][0] == "bridge"
    given = {key: bridge["environment"][key] for key in bridge["environment"] if "MQTT" in key}
    assert given == {
        "LINEAL_MQTT__URL": "mqtt://mosquitto:1883",
        "LINEAL_MQTT__USERNAME": "bridge",
        "LINEAL_MQTT__PASSWORD": "x" * 48,
    }
    assert bridge["depends_on"].keys() == {"kafka", "postgres", "mosquitto"}


def test_only_deploy_has_the_key_that_signs(model: dict[str, Any]) -> None:
    services = model["services"]
    file = services["deploy"]["environment"]["LINEAL_STAGES__DEPLOY__KEY_FILE"]
    having = {
        name
        for name, service in services.items()
        if service.get("secrets")
        or any(volume["source"] == "deploy-key" for volume in service["volumes"])
    }
    assert having == {"deploy", "deploy-key"}
    assert services["deploy-key"]["command"][-1] == file
    (secret,) = services["deploy-key"]["secrets"]
    assert services["deploy-key"]["command"][0] == f"/run/secrets/{secret['source']}"
    assert services["deploy"]["depends_on"]["deploy-key"]["condition"] == (
        "service_completed_successfully"
    )


def test_a_new_container_takes_the_slot_of_the_old(model: dict[str, Any]) -> None:
    folders = []
    for name, service in workers(model).items():
        assert service["environment"]["LINEAL_KAFKA__MEMBER_ID"] == name
        (source,) = (
            volume["source"]
            for volume in service["volumes"]
            if volume["target"] == f"{service['environment']['LINEAL_DATA']}/slots"
        )
        assert "uid=10001" in model["volumes"][source]["driver_opts"]["o"]
        folders.append(source)
    assert len(set(folders)) == len(folders)  # whoever shares one would have another's number


def test_only_loopback_is_opened_unless_asked(model: dict[str, Any]) -> None:
    for name, service in model["services"].items():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_there_are_no_default_passwords(loader: Path, tmp_path: Path, missing: str) -> None:
    given = dict.fromkeys(SECRETS - {missing}, "x")
    refused = load(loader, given, tmp_path)
    assert refused.returncode != 0
    assert missing in refused.stderr
    assert "make compose-env" in refused.stderr


def test_what_is_mounted_from_here_is_there(model: dict[str, Any]) -> None:
    mounted = [
        volume["source"]
        for service in model["services"].values()
        for volume in service.get("volumes", [])
        if volume["type"] == "bind"
    ]
    assert mounted
    for source in mounted:
        assert (ROOT / "infra" / "docker" / Path(source).name).is_file(), source


def test_the_secrets_are_new_each_time_and_never_replaced(loader: Path, tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        folder = tmp_path / name / "infra" / "docker"
        folder.mkdir(parents=True)
        script = shutil.copy(ROOT / "infra/docker/make-env.sh", folder)
        subprocess.run([script], check=True, capture_output=True)
        file = tmp_path / name / ".env"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        values = dict(
            line.split("=", 1) for line in file.read_text().splitlines() if line[:1] != "#"
        )
        assert values.keys() == SECRETS
        assert all(re.fullmatch("[0-9a-f]{48}", value) for value in values.values())
        made.append(values)
        read_key(tmp_path / name / "data" / "keys" / "deploy.pem")
        before = file.read_bytes()
        assert subprocess.run([script], check=False, capture_output=True).returncode == 1
        assert file.read_bytes() == before
    assert not set(made[0].values()) & set(made[1].values())
    assert load(loader, {}, tmp_path / "a").returncode == 0  # .env is read from beside the file
