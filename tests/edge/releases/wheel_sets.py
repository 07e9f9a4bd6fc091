"""Releases of the agent, built from its own source with small changes."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

EDGE = Path(__file__).parents[3] / "edge_firmware"


def build_release(folder: Path, version: str, *changes: tuple[str, str, str]) -> bytes:
    """A ZIP with the agent's wheel. ``changes``: file, text in it, text in its place."""
    source = folder / f"source-{version}"
    shutil.copytree(EDGE, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    project, package = source / "pyproject.toml", source / "lineal_edge" / "__init__.py"
    for file, old, new in (
        (project, 'version = "0.1.0"', f'version = "{version}"'),
        (package, '__version__ = "0.1.0"', f'__version__ = "{version}"'),
        *((source / "lineal_edge" / name, old, new) for name, old, new in changes),
    ):
        text = file.read_text()
        assert old in text, (file, old)
        file.write_text(text.replace(old, new, 1))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / version],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as release:
        for wheel in (folder / version).glob("*.whl"):
            release.write(wheel, wheel.name)
    return packed.getvalue()
