"""What Maven fetches once into the cache."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from lineal_local.availability import CACHE, Unavailable, find_program


def fetch_folder(
    name: str,
    folder: Path,
    arguments: Callable[[Path], Sequence[str]],
    seconds: float,
    prepare: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Have Maven fill a folder of the cache.

    Args:
        name: of what needs it, for people.
        arguments: Maven's, given the folder that it is to write into.
        seconds: how long it may take.
        prepare: what is done with that folder before it takes its place; a ValueError says that
            it does not hold what it should.

    Raises:
        Unavailable: there is no Maven, or it cannot get what is needed.
    """
    maven = find_program("mvn")
    if maven is None:
        raise Unavailable(name, "it is fetched by Maven: install maven (3.6 or newer)")
    CACHE.mkdir(exist_ok=True)
    # renamed when complete: an interrupted fetch must not look like a whole one
    unfinished = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=CACHE))
    try:
        subprocess.run(
            [maven, "-q", "-B", *arguments(unfinished)],
            check=True, capture_output=True, text=True, timeout=seconds, cwd=CACHE,
        )  # fmt: skip
        prepare(unfinished)
        if not folder.exists():
            unfinished.rename(folder)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, ValueError) as error:
        output = str(getattr(error, "stdout", None) or "").strip().splitlines()
        cause = next((line for line in output if "ERROR" in line), str(error))
        raise Unavailable(name, f"Maven could not fetch it: {cause}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def copy_of(artifact: str) -> Callable[[Path], list[str]]:
    """Arguments that copy one artifact: ``group:name:version:type[:classifier]``."""
    return lambda folder: [
        "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"
    ]  # fmt: skip
