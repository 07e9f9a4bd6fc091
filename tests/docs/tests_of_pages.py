"""The tests that a page shows, run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def named_blocks(page: str) -> dict[str, str]:
    """The blocks that begin with the name of their file."""
    found = {}
    for source in python_blocks(page):
        if name := re.match(r"# (\w+\.py)\n", source):
            found[name[1]] = source
    return found


def assert_tests_pass(folder: Path, sources: Mapping[str, str]) -> None:
    """Run all tests of the sources, which are given by their files' names."""
    for name, source in sources.items():
        (folder / name).write_text(source)
    tests = sum(
        len(re.findall(r"^(?:async )?def test_", source, re.M)) for source in sources.values()
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert tests and f"{tests} passed" in done.stdout
