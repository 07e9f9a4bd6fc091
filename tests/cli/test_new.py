"""``lineal new``: the package that it makes is built, tested and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lineal_cli.package_template import PARTS, name_problem, needed_parts, write_package

PACKAGE, MODULE = "parcel-orders", "parcel_orders"
TOKEN = "Wq7-tests-only-3kVb9zR2pXm5"


def environment(site: Path | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEAL_")}
    kept |= {"LINEAL_WORKERS": "1", "LINEAL_DURABILITY": "normal", "LINEAL_HTTP_TOKEN": TOKEN}
    return kept if site is None else kept | {"PYTHONPATH": str(site)}


def run(folder: Path, site: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment(site),
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def lineal(folder: Path, site: Path | None, *arguments: str) -> str:
    done = run(folder, site, "lineal_cli.main", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def up(folder: Path, site: Path) -> Iterator[str]:
    """The address of a daemon that runs."""
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "lineal_cli.main", "up", "--port", "0", "--json",
             "--stages", MODULE],
            cwd=folder, env=environment(site), stdout=subprocess.PIPE, stderr=log,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()
            yield json.loads(line)["url"]
        finally:
            process.terminate()
            process.wait(60)


def built(package: Path, site: Path) -> None:
    """Build the wheel and unpack it: that is how it is installed."""
    done = run(package, None, "hatchling", "build", "-t", "wheel", "-d", str(package / "dist"))
    assert done.returncode == 0, done.stderr
    [wheel] = (package / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of everything, made by the command."""
    folder = tmp_path_factory.mktemp("new")
    lineal(folder, None, "new", PACKAGE, "--with", ",".join(PARTS))
    return folder / PACKAGE


@pytest.fixture(scope="module")
def site(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    built(package, site)
    return site


def test_its_own_tests_pass(package: Path, site: Path) -> None:
    done = run(package, site, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_brings_is_found_and_works(site: Path, tmp_path: Path) -> None:
    lineal(tmp_path, site, "schema", "export", "--out", "schemas")
    assert (tmp_path / "schemas" / f"{MODULE}.checked.v1.json").is_file()
    (tmp_path / "event.json").write_text('{"key": "x-1", "amount": 3}')
    (tmp_path / "lineal.toml").write_text(f"[{MODULE}]\nevery_seconds = 1\n")
    with up(tmp_path, site) as url:
        lineal(tmp_path, site, "emit", f"{MODULE}.received", "event.json")
        until = time.monotonic() + 180
        while len(json.loads(lineal(tmp_path, site, PACKAGE, "--json"))) < 2:
            assert time.monotonic() < until, (tmp_path / "log").read_text()
        asked = urllib.request.Request(
            f"{url}/console/{PACKAGE}", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(asked, timeout=60) as page:
            shown = page.read()
        assert b"x-1" in shown
        assert b"<h1>Parcel orders</h1>" in shown
    totals = {
        total["key"]: total for total in json.loads(lineal(tmp_path, site, PACKAGE, "--json"))
    }
    assert totals["x-1"] == {"key": "x-1", "checked": 1, "enough": 1}
    assert "heartbeat" in totals
    assert MODULE in lineal(tmp_path, site, "lineage", f"{MODULE}:x-1")
    topics = {topic["topic"] for topic in json.loads(lineal(tmp_path, site, "topics", "--json"))}
    assert {f"{MODULE}.received", f"{MODULE}.checked"} <= topics
    lineal(tmp_path, site, "rebuild")
    assert {t["key"]: t for t in json.loads(lineal(tmp_path, site, PACKAGE, "--json"))} == totals


@pytest.mark.long
@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_made_by_itself(part: str, tmp_path: Path) -> None:
    write_package(tmp_path / PACKAGE, PACKAGE, needed_parts([part]))
    (tmp_path / "site").mkdir()
    built(tmp_path / PACKAGE, tmp_path / "site")
    done = run(tmp_path / PACKAGE, tmp_path / "site", "pytest", "-q", "-p", "no:cacheprovider")
    nothing_collected = 5
    expected = nothing_collected if part == "events" else 0
    assert done.returncode == expected, done.stdout + done.stderr


def test_what_is_made_is_laid_out_as_ruff_wants_it(package: Path) -> None:
    done = run(package, None, "ruff", "check", "--isolated", "--select", "E,F,I,UP,B",
               "--line-length", "100", ".")  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_parts_bring_what_they_need() -> None:
    assert needed_parts(["pages"]) == ["events", "stages", "projections", "pages"]
    assert needed_parts([]) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Parcel Orders!", "parcel-orders would be one"),
        ("ParcelOrders", "parcel-orders would be one"),
        ("_", "a package's name is"),
        ("x" * 41, "at most 40"),
        ("class", "word of Python"),
        ("json", "a package json already"),
        ("lineal", "a package lineal already"),
        ("documents", "a command documents already"),
        ("detect", "a stage detect already"),
        ("quotas", "a setting quotas already"),
    ],
)
def test_a_name_that_would_not_work_is_refused(name: str, said: str) -> None:
    assert said in name_problem(name)


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / PACKAGE).mkdir()
    (tmp_path / PACKAGE / "mine").write_text("mine")
    done = run(tmp_path, None, "lineal_cli.main", "new", PACKAGE)
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert [path.name for path in (tmp_path / PACKAGE).iterdir()] == ["mine"]


def test_a_part_that_there_is_not_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, None, "lineal_cli.main", "new", PACKAGE, "--with", "events,gadgets")
    assert done.returncode == 2
    assert "gadgets" in done.stderr
    assert list(tmp_path.iterdir()) == []
