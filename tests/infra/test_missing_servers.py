"""A test run tells what it could not run here and why, and shows a server's log on failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SKIPPING = """
import pytest
from lineal_local import Unavailable
from tests.services.missing import skipped_when_unavailable

@pytest.fixture(scope="session")
def kafka():
    with skipped_when_unavailable():
        raise Unavailable("kafka", "install a Java")

def test_one(kafka): pass
def test_two(kafka): pass
def test_other(): pass
def test_of_another_reason(): pytest.skip("not today")
"""

FAILING = """
import pytest
from tests.services.running import shared

class Chatty:
    logs = []
    def mend(self): pass

@pytest.fixture(scope="session")
def chatty(tmp_path_factory):
    server = Chatty()
    server.logs = [tmp_path_factory.mktemp("chatty") / "chatty-server.log"]
    server.logs[0].write_text("said at the start\\n")
    with shared(server):
        yield server

def test_first(chatty): pass

def test_second(chatty):
    with chatty.logs[0].open("a") as log:
        log.write("said during the test\\n")
    assert False
"""


def run_pytest(folder: Path, text: str, *options: str) -> str:
    (folder / "test_it.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", folder, "-q",
         "-p", "no:cacheprovider", "-p", "tests.services.missing", "-p", "tests.services.running",
         *options, folder],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'infra' / 'local'}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("options", [(), ("-n1",)])
def test_missing_servers_are_summed_up(tmp_path: Path, options: tuple[str, ...]) -> None:
    output = run_pytest(tmp_path, SKIPPING, *options)

    assert "skipped because kafka is missing: 2 tests (install a Java)" in output
    assert "1 passed, 3 skipped" in output
    assert "not today" not in output


def test_a_failed_tests_report_shows_what_the_server_said_meanwhile(tmp_path: Path) -> None:
    output = run_pytest(tmp_path, FAILING)

    assert "said during the test" in output
    assert "said at the start" not in output
    kept = ROOT / ".cache" / "logs" / "chatty-chatty-server.log"
    assert kept.read_text() == "said at the start\nsaid during the test\n"
    kept.unlink()


def test_what_cannot_be_installed_is_named_and_is_no_failure(tmp_path: Path) -> None:
    for tool in ("sed", "ls", "id", "sh"):
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    done = subprocess.run(
        ["/bin/sh", ROOT / "infra/local/system_packages.sh"],
        env={"PATH": str(tmp_path), "SYSTEM_PACKAGES": "no"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0
    assert "Not installed: openjdk-17-jre-headless maven" in done.stderr
    assert "will be skipped" in done.stderr


@pytest.mark.parametrize("name", ["ministack", "moto"])
def test_an_emulators_lock_is_hashed_and_names_no_place(name: str) -> None:
    text = (ROOT / "infra" / "local" / "requirements" / f"{name}.txt").read_text()
    pins = [block for block in text.replace("\\\n", "").splitlines() if "==" in block]

    assert any(pin.startswith(f"{name}==") for pin in pins)
    assert all("--hash=sha256:" in pin for pin in pins)
    assert "://" not in text
    assert "--index" not in text
