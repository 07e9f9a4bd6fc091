"""Users and tokens from the command line, and what the data folder shows to others: nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

from tests.cli.processes import lineal, running

PASSWORD = "correct horse battery"


def asked(url: str, token: str) -> int:
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_users_and_tokens_are_made_listed_and_ended(tmp_path: Path) -> None:
    added = lineal(tmp_path, "user", "add", "ann", "uploader", "--json", stdin=PASSWORD)
    assert json.loads(added.stdout)["password"] is True
    again = lineal(tmp_path, "user", "add", "ann", "reader", "--no-password")
    assert (again.returncode, "lineal user role" in again.stderr) == (1, True)
    weak = lineal(tmp_path, "user", "add", "bob", "reader", stdin="short")
    assert (weak.returncode, "12" in weak.stderr) == (1, True)
    assert lineal(tmp_path, "user", "role", "ann", "king").returncode == 2
    assert lineal(tmp_path, "user", "role", "ann", "operator").returncode == 0
    made = lineal(
        tmp_path, "token", "create", "scanner", "--scope", "read,upload", "--user", "ann", "--json"
    )
    token = json.loads(made.stdout)
    assert token["scope"] == ["read", "upload"]
    listed = lineal(tmp_path, "token", "list", "--json").stdout
    assert token["token"] not in listed
    assert [item["name"] for item in json.loads(listed)] == ["scanner"]
    shown = lineal(tmp_path, "lineage", "user:ann").stdout
    assert "action role changed, role operator" in shown
    expires = datetime.fromtimestamp(json.loads(listed)[0]["expires_us"] / 1e6)
    assert f"{expires:%Y-%m-%d}" in lineal(tmp_path, "token", "list").stdout
    assert lineal(tmp_path, "user", "remove", "ann").returncode == 0
    (ended,) = json.loads(lineal(tmp_path, "token", "list", "--json").stdout)
    assert ended["state"] == "revoked"
    assert json.loads(lineal(tmp_path, "user", "list", "--json").stdout) == []
    assert PASSWORD.encode() not in (tmp_path / "data" / "lineal.db").read_bytes()
    assert "user removed" in lineal(tmp_path, "lineage", "user:ann", "--json").stdout


def test_a_running_service_is_told_at_once_and_shows_others_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--port", "0", "--stages", "register") as daemon:
        told = daemon.line(lambda line: line.get("ready") is True)
        url = f"{told['url']}/documents"
        made = lineal(tmp_path, "token", "create", "report", "--scope", "read")
        assert asked(url, made.stdout.strip()) == 200
        assert lineal(tmp_path, "token", "revoke", "report").returncode == 0
        assert asked(url, made.stdout.strip()) == 401
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(str(told["login"])) as answer:
            assert json.load(answer)["service"] == "lineal"
        data = tmp_path / "data"
        assert data.stat().st_mode & 0o777 == 0o700
        assert (data / "tmp").stat().st_mode & 0o777 == 0o700
        for file in (*data.glob("lineal.db*"), data / "api-token"):
            assert file.stat().st_mode & 0o077 == 0
        daemon.stop()


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    assert lineal(tmp_path, "user", "list").returncode == 1
    assert lineal(tmp_path, "token", "create", "t", "--scope", "read").returncode == 0
    data = tmp_path / "data"
    data.chmod(0o755)
    (data / "lineal.db").chmod(0o644)
    assert lineal(tmp_path, "user", "list").returncode == 0
    assert (data.stat().st_mode & 0o777, (data / "lineal.db").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


def test_marks_are_rotated(tmp_path: Path) -> None:
    assert lineal(tmp_path, "token", "create", "t", "--scope", "read").returncode == 0
    first = json.loads(lineal(tmp_path, "token", "rotate-marks", "--json").stdout)
    assert first["older"] == []
    second = json.loads(lineal(tmp_path, "token", "rotate-marks", "--drop-old", "--json").stdout)
    assert second["older"] == [first["key_id"]]
    third = json.loads(lineal(tmp_path, "token", "rotate-marks", "--json").stdout)
    assert third["older"] == [second["key_id"]]
