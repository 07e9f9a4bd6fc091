"""What failed side by side is run once more alone: green when it passes, and never in silence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# The first run of the chance failure leaves a file; the one alone finds it.
TESTS = """
import os, pathlib, pytest

def by_chance(name):
    seen = pathlib.Path(__file__).with_name(name)
    if not seen.exists():
        seen.touch()
        assert False, "by chance"

@pytest.mark.parametrize("word", ["a b", "c::d"])
def test_by_chance(word): by_chance(word.replace(" ", "").replace(":", ""))

def test_killed():
    seen = pathlib.Path(__file__).with_name("killed")
    if not seen.exists():
        seen.touch()
        os._exit(1)

@pytest.fixture
def left():
    yield
    by_chance("teardown")

def test_teardown(left): pass
def test_broken(): assert False
def test_skipped_alone():
    by_chance("skipped")
    pytest.skip("not today")
def test_good(): pass
"""


def run(folder: Path, chosen: str, most: int) -> tuple[int, str]:
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p xdist -p tests.alone\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", folder / "pytest.ini", "-p", "no:cacheprovider",
         "-n1", "--failed-alone", str(most), "-k", chosen],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_what_passes_alone_makes_a_green_run_that_says_so(tmp_path: Path) -> None:
    code, output = run(tmp_path, "by_chance or killed or teardown or good", most=4)

    assert code == 0, output
    for name in ("test_by_chance[a b]", "test_by_chance[c::d]", "test_killed", "test_teardown"):
        assert f"failed beside others, passed alone: test_it.py::{name}\n" in output
    assert "3 failed, 2 passed, 1 error" in output.splitlines()[-1]


def test_what_does_not_pass_alone_stays_red(tmp_path: Path) -> None:
    code, output = run(tmp_path, "broken or skipped or b", most=10)

    assert code == 1
    assert "failed beside others and alone: test_it.py::test_broken\n" in output
    assert "failed beside others and alone: test_it.py::test_skipped_alone\n" in output
    assert "failed beside others, passed alone: test_it.py::test_by_chance[a b]\n" in output


def test_more_failures_than_that_are_red_at_once(tmp_path: Path) -> None:
    code, output = run(tmp_path, "by_chance", most=1)

    assert code == 1
    assert "alone" not in output.replace("test_failed_alone", "")
