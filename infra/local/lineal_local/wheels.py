"""``python -m lineal_local.wheels [FOLDER]``: builds the wheels of the checkout's distributions.

What they need of each other is on no index, so they are installed from the folder:
``pip install --find-links FOLDER 'lineal[all]'``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
PROJECTS = ("schemas", "scoring", "edge_firmware", ".")
"""Folders of the distributions, each with a ``pyproject.toml``; what others need comes first."""


def build_wheels(folder: Path) -> list[Path]:
    """Build all wheels into a folder, in the order of :data:`PROJECTS`; older ones of the same
    distributions are removed from it.

    Raises:
        subprocess.CalledProcessError: one cannot be built; says why on standard error.
    """
    folder = folder.resolve()  # each is built in the folder of its project
    folder.mkdir(parents=True, exist_ok=True)
    return [_build(CHECKOUT / project, folder) for project in PROJECTS]


def _build(project: Path, folder: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=folder) as made:
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", made],
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        if done.returncode:  # else it names a file that is moved at once
            sys.stderr.buffer.write(done.stderr)
            done.check_returncode()
        [wheel] = Path(made).glob("*.whl")
        distribution = wheel.name.partition("-")[0]
        for older in folder.glob(f"{distribution}-*.whl"):
            older.unlink()
        return wheel.rename(folder / wheel.name)


def main() -> None:
    """Build them and print their paths, one a line."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    for wheel in build_wheels(folder):
        print(wheel)
    print(f"Install them: pip install --find-links {folder} 'lineal[all]'", file=sys.stderr)


if __name__ == "__main__":
    main()
