"""The page on fields is run as it stands: the next invoice of a supplier is right."""

from __future__ import annotations

import json
import shlex
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import lineal
from tests.docs.running_page import DOCS, commands_of, site_of, until

PAGE = (DOCS / "fields.md").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    with site_of(PAGE, tmp_path_factory.mktemp("fields")) as made:
        yield made


def in_use(folder: Path) -> list[Any]:
    models = json.loads(lineal(folder, "model", "list", "--json").stdout)
    return [one for one in models if "fields" in json.dumps(one) and "in use" in json.dumps(one)]


@pytest.fixture(scope="module")
def shown(site: tuple[Path, int]) -> dict[str, str]:
    """What each command of the page has answered."""
    folder, _ = site
    shown: dict[str, str] = {}
    for line in commands_of(PAGE):
        words = shlex.split(line, comments=True)[1:]

        def run(words: list[str] = words) -> Any:
            done = lineal(folder, *words)
            return done if done.returncode == 0 and done.stdout.strip() else None

        done = until(run) if words[0] in ("field", "search") else lineal(folder, *words)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        shown[line] = done.stdout
        if words[:2] == ["field", "correct"]:
            until(lambda: in_use(folder))
    return shown


def test_the_page_works_as_it_stands(site: tuple[Path, int], shown: dict[str, str]) -> None:
    folder, _ = site
    first = shown["lineal field show invoice-1.txt"]
    assert "it is required, and was not found" in first
    assert "180.00" in first
    second = json.loads(shown["lineal field show invoice-2.txt --json"])
    fields = {field["name"]: field for field in second["fields"]}
    assert fields["number"]["value"] == "HC-20533"
    assert fields["number"]["source"] == "learnt"
    documents = json.loads(lineal(folder, "documents", "--json").stdout)
    [taught] = [one for one in documents if one["name"] == "invoice-1.txt"]
    assert fields["number"]["examples"] == [taught["document_id"]]
    assert taught["document_id"] in lineal(folder, "lineage", "invoice-2.txt", "--json").stdout
    assert "invoice-2.txt" in shown["lineal search anchor --filter field.number=HC-20533"]
    assert "contract" in shown["lineal field list"]
    assert lineal(folder, "verify").returncode == 0


def asked(folder: Path, port: int, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    token = (folder / "data" / "api-token").read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/documents/invoice-2.txt/fields",
        None if body is None else json.dumps(body).encode(),
        {"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.usefixtures("shown")
def test_over_http_the_same(site: tuple[Path, int]) -> None:
    folder, port = site
    assert asked(folder, port)[1]["document_class"] == "invoice"
    code, answer = asked(folder, port, {"values": {"serial": "1"}})
    assert (code, "no field 'serial'" in answer["error"]) == (422, True)
    code, answer = asked(folder, port, {"values": {"customer_number": "77"}})
    assert (code, answer["outcome"]) == (200, "corrected")

    def corrected() -> bool:
        fields = {field["name"]: field for field in asked(folder, port)[1]["fields"]}
        return bool(fields["customer_number"]["value"] == "77")

    until(corrected)


@pytest.mark.usefixtures("shown")
def test_fields_that_were_only_confirmed_can_still_be_corrected(site: tuple[Path, int]) -> None:
    folder, port = site
    fields = {field["name"]: field["value"] for field in asked(folder, port)[1]["fields"]}
    said = {"values": {"number": fields["number"]}}
    assert asked(folder, port, said)[1]["outcome"] == "confirmed"

    def noted() -> bool:
        found = {field["name"]: field for field in asked(folder, port)[1]["fields"]}
        return bool(found["number"]["source"] == "person")

    until(noted)  # the second confirmation makes nothing anew
    assert asked(folder, port, said)[1]["outcome"] == "confirmed"
    code, answer = asked(folder, port, {"values": {"customer_number": "78"}})
    assert (code, answer.get("outcome")) == (200, "corrected"), answer
