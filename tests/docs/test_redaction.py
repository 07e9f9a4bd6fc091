"""The page on redaction is run as it stands, against a daemon; and who may not is refused."""

from __future__ import annotations

import json
import re
import shlex
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineal_local.ports import free_port
from tests.cli.processes import lineal, running

PAGE = (Path(__file__).parents[2] / "docs" / "redaction.md").read_text()
LETTER = "Dear Maria Gonzalez,\nyour mail maria.gonzalez@example.com has come.\nRegards\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A folder in which everything runs, and the port of its HTTP service."""
    folder = tmp_path_factory.mktemp("redaction")
    (folder / "letter.txt").write_text(LETTER)
    port = free_port()
    with running(folder, "up", "--port", str(port)) as daemon:
        daemon.line(lambda line: True)
        yield folder, port


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    return [line for line in lines if line.startswith("lineal ")]


def test_the_page_works_as_it_stands(site: tuple[Path, int]) -> None:
    folder, _ = site
    shown = ""
    for line in commands():
        done = lineal(folder, *shlex.split(line, comments=True)[1:])
        assert done.returncode == 0, f"{line}: {done.stderr}"
        shown = done.stdout
    for text in ((folder / "copy.txt").read_text(), (folder / "names.txt").read_text(), shown):
        assert not re.search("maria.gonzalez", text, re.IGNORECASE)
        assert "Regards" in text
    assert "[PERSON-1]" in (folder / "names.txt").read_text()
    kept = lineal(folder, "show", "letter.txt", "--as", "original").stdout
    assert kept == LETTER, "the original stays"
    steps = json.loads(lineal(folder, "lineage", "letter.txt", "--json").stdout)
    asked = [step for step in _steps(steps) if step.get("kind") == "redact"]
    assert len(asked) == 2
    assert all("user:" in json.dumps(step) for step in asked)


def test_over_http_who_may_redact_does_and_others_are_refused(site: tuple[Path, int]) -> None:
    folder, port = site
    done = lineal(folder, "put", "letter.txt", "--wait", "--json")
    document = json.loads(lineal(folder, "show", "letter.txt", "--json").stdout)["document_id"]
    assert done.returncode == 0
    tokens = {}
    for role in ("reviewer", "operator"):
        made = lineal(folder, "token", "create", role, "--scope", role, "--json")
        tokens[role] = json.loads(made.stdout)["token"]
    at = f"http://127.0.0.1:{port}/documents/{document}/redactions"
    wanted: dict[str, Any] = {"words": ["Gonzalez"], "reason": "a test"}
    assert _post(at, tokens["reviewer"], wanted)[0] == 403
    assert _post(at, tokens["operator"], {"reason": "nothing named"})[0] == 422
    assert _post(at, tokens["operator"], {**wanted, "by": "user:somebody"})[0] == 422
    assert _post(at, tokens["operator"], {**wanted, "words": ["x" * 501]})[0] == 422
    unknown = at.replace(document, "0" * 36)
    assert _post(unknown, tokens["operator"], wanted)[0] == 404
    status, answer = _post(at, tokens["operator"], wanted)
    assert status == 202
    topic = lineal(
        folder,
        "tail",
        "document.redaction_requested",
        "--from",
        "beginning",
        "--no-follow",
        "--json",
    ).stdout
    [event] = [json.loads(line) for line in topic.splitlines() if answer["event"] in line]
    assert "token:operator" in json.dumps(event)


def _post(address: str, token: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None


def _steps(shown: Any) -> list[dict[str, Any]]:
    found: Any = shown["steps"] if isinstance(shown, dict) else shown
    return list(found)


def test_a_copy_is_erased_with_its_document(site: tuple[Path, int]) -> None:
    folder, _ = site
    (folder / "other.txt").write_text("Zanzibar is what nobody knows of Erasmus\n")
    assert lineal(folder, "put", "other.txt", "--wait").returncode == 0
    done = lineal(folder, "redact", "other.txt", "--word", "Erasmus", "--reason", "Quagga")
    assert done.returncode == 0, done.stderr
    assert lineal(folder, "erase", "other.txt", "--reason", "a test", "--yes").returncode == 0
    for file in (folder / "data").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for word in (b"Zanzibar", b"Erasmus", b"Quagga"):
                assert word not in content, f"{word!r} is in {file}"
