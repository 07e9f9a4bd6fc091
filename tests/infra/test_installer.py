"""The installer tries again where downloads fail, falls back, and says what happened."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "local" / "install.sh"
_COUNTING = """#!/bin/sh
echo "$0 $* ${UV_HTTP_TIMEOUT:-}" >> calls
echo x >> uv-calls
[ "$(wc -l < uv-calls)" -gt FAILURES ] && exit 0
echo "error: operation timed out" >&2
exit 2
"""
_PYTHON = """#!/bin/sh
case "$*" in
    *"--require-hashes -r requirements/runtime.txt"*) echo "pip $*" >> calls; exit PIP ;;
esac
exit 0
"""


def installed(folder: Path, failures: int, pip: int = 0) -> tuple[int, str, list[str]]:
    """The exit code, what was said, and what was called to install, where uv fails so often."""
    (folder / "infra" / "local").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "infra" / "local")
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, text in (
        ("uv", _COUNTING.replace("FAILURES", str(failures))),
        ("python", _PYTHON.replace("PIP", str(pip))),
    ):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", folder / "infra" / "local" / "install.sh", "runtime"],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "UV_DEFAULT_INDEX": "https://index.example"},
    )  # fmt: skip
    return done.returncode, done.stderr, (folder / "calls").read_text().splitlines()


def test_what_fails_once_is_tried_again_with_more_patience(tmp_path: Path) -> None:
    code, said, calls = installed(tmp_path, failures=1)
    assert code == 0
    assert [call.split()[0].rpartition("/")[2] for call in calls] == ["uv", "uv"]
    assert calls[1].endswith(" 180") and not calls[0].endswith(" 180")
    assert "operation timed out" in said and "exit code 2" in said
    assert "settings" not in said, "nobody's settings are to blame"


@pytest.mark.parametrize("pip", [0, 1])
def test_what_fails_again_is_left_to_pip(tmp_path: Path, pip: int) -> None:
    code, said, calls = installed(tmp_path, failures=2, pip=pip)
    assert code == pip
    assert [call.split()[0].rpartition("/")[2] for call in calls] == ["uv", "uv", "pip"]
    assert "with pip instead" in said
    assert ("run this again" in said) == bool(pip)
