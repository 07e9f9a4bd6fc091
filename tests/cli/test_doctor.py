"""``lineal doctor``: what is broken, and what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import orjson
import pytest

from lineal.settings import Settings
from lineal_cli.check import Check
from lineal_cli.server_checks import check_servers
from lineal_local.aws import Emulator
from lineal_local.kafka import Kafka
from tests.cli.processes import lineal


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
