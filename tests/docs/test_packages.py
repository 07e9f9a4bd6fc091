"""The page on packages is run as it stands: a contradiction is found, mended; the loan passes."""

from __future__ import annotations

import json
import shlex
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import lineal
from tests.docs.running_page import DOCS, commands_of, site_of, until

PAGE = (DOCS / "packages.md").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    with site_of(PAGE, tmp_path_factory.mktemp("packages")) as made:
        yield made


def asked(site: tuple[Path, int], path: str, method: str = "GET") -> tuple[int, Any]:
    folder, port = site
    token = (folder / "data" / "api-token").read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        headers={"authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def package(site: tuple[Path, int]) -> dict[str, Any]:
    status, found = asked(site, "/cases/LOAN-17")
    return dict(found) if status == 200 else {}


EXPECTED: dict[str, Callable[[dict[str, Any]], object]] = {
    "put contract.txt": lambda now: now,
    "put statement-1.txt": lambda now: now.get("contradictions"),
    "put statement-2.txt": lambda now: now.get("status") == "review",
    "put statement-1b.txt": lambda now: now.get("status") == "passed",
}
"""What is to be seen of the package after a document has come."""


@pytest.fixture(scope="module")
def shown(site: tuple[Path, int]) -> dict[str, str]:
    """What each command of the page has answered."""
    folder, _ = site
    shown: dict[str, str] = {}
    for line in commands_of(PAGE):
        words = shlex.split(line)[1:]
        done = lineal(folder, *words)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        shown[line.removeprefix("lineal ")] = done.stdout
        if (wanted := EXPECTED.get(" ".join(words[:2]))) is not None:
            until(lambda wanted=wanted: wanted(package(site)))  # type: ignore[misc]
    shown["review list --json"] = lineal(folder, "review", "list", "--json").stdout
    return shown


def test_the_page_works_as_it_stands(site: tuple[Path, int], shown: dict[str, str]) -> None:
    folder, _ = site
    before = shown["package show LOAN-17"]
    assert "contradiction: borrower: contract.borrower, statement.holder" in before
    assert "Josef Gracia" in before
    assert "missing: 1 statement" in before
    assert "0.40" in shown["package list"]
    assert "package:loan/LOAN-17" in shown["review list --target package"]
    after = json.loads(shown["package show LOAN-17 --json"])
    assert [one["name"] for one in after["documents"] if one["why_not"] == "replaced"] == [
        "statement-1.txt"
    ]
    steps = shown["lineage package:loan/LOAN-17 --json"]
    assert all(one["document_id"] in steps for one in after["documents"])
    assert json.loads(shown["review list --json"]) == []
    assert lineal(folder, "verify").returncode == 0


@pytest.fixture(scope="module")
def decided(site: tuple[Path, int], shown: dict[str, str]) -> dict[str, Any]:
    """What was said of the package, by its status, when a person had accepted it, and when they had
    declined it after it changed."""
    folder, _ = site
    events: dict[str, Any] = {}
    text = (folder / "statement-2.txt").read_text()

    def ask_about(name: str, holder: str) -> str:
        (folder / name).write_text(text.replace("GARCIA, JOSE", holder))
        assert lineal(folder, "put", name, "--label", "case=LOAN-17").returncode == 0

        def waiting() -> str:
            found = asked(site, "/reviews")[1]
            return next((one["item"] for one in found if one["item"] not in answered), "")

        return str(until(waiting))

    answered: set[str] = set()
    for name, holder, verdict, status in (
        ("other.txt", "Ann Smith", "normal", "passed"),
        ("third.txt", "Bob Jones", "anomaly", "declined"),
    ):
        item = ask_about(name, holder)
        empty = lineal(folder, "review", "complete", item)
        assert "--verdict normal" in empty.stderr
        done = lineal(folder, "review", "complete", item, "--verdict", verdict)
        assert done.returncode == 0, done.stderr
        answered.add(item)
        until(lambda status=status: package(site)["status"] == status)  # type: ignore[misc]
        told = lineal(folder, "tail", f"package.{status}", "--from", "beginning", "--limit",
                      "2" if status == "passed" else "1")  # fmt: skip
        events[status] = json.loads(told.stdout.splitlines()[-1])["data"]
    return events


def test_a_person_accepts_a_package_and_declines_it_once_it_has_changed(
    decided: dict[str, Any],
) -> None:
    assert {status: event["by"][:5] for status, event in decided.items()} == {
        "passed": "user:",
        "declined": "user:",
    }


@pytest.mark.usefixtures("decided")
def test_over_http_the_same_and_an_erased_document_is_missing(site: tuple[Path, int]) -> None:
    folder, _ = site
    (one,) = asked(site, "/cases")[1]
    assert (one["case"], one["documents"]) == ("LOAN-17", 5)
    assert asked(site, "/cases/LOAN-18")[0] == 404
    assert asked(site, "/cases/loan/LOAN-17/check", "POST")[0] == 202
    erased = lineal(folder, "erase", "contract.txt", "--reason", "art. 17", "--yes")
    assert erased.returncode == 0, erased.stderr

    def is_incomplete() -> object:
        _, now = asked(site, "/cases/loan/LOAN-17")
        return now["missing"] and now

    now = until(is_incomplete)
    assert now["missing"] == [
        {"document_class": "contract", "count": 1, "field": None, "document_id": None, "pages": []}
    ]
    assert "60000.00" not in json.dumps(now)
