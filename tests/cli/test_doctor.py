"""``lineal doctor``: what is broken, and what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import orjson

from tests.cli.processes import lineal


def states(answer: str) -> dict[str, str]:
    return {check["name"]: check["state"] for check in orjson.loads(answer)}


def test_a_good_machine(tmp_path: Path) -> None:
    answer = lineal(tmp_path, "doctor", "--json", "--port", "0")
    assert answer.returncode == 0, answer.stdout
    assert set(states(answer.stdout).values()) <= {"fine", "warning"}
    assert not (tmp_path / "data").exists()


def test_what_is_broken_is_named_with_a_remedy(tmp_path: Path) -> None:
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
    assert set(broken) == {"database", "port"}
    assert all(broken.values())


def test_a_wrong_setting_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "lineal.toml").write_text('port = "none"')
    answer = lineal(tmp_path, "doctor", "--json")
    assert answer.returncode == 1
    assert states(answer.stdout)["settings"] == "broken"
