"""veraPDF, which says whether a PDF is PDF/A: its jar, fetched once by Maven.

A program that tests run, under the GPL or the MPL; nothing of ours contains or links it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lineal_local.availability import CACHE, Unavailable
from lineal_local.kafka_jars import find_java
from lineal_local.maven import copy_of, fetch_folder

VERSION = "1.28.2"
_ARTIFACT = f"org.verapdf.apps:greenfield-apps:{VERSION}:jar"
_MAIN = "org.verapdf.apps.GreenfieldCliWrapper"
_FOLDER = CACHE / f"verapdf-{VERSION}"


def fetch_verapdf(seconds: float = 300) -> Path:
    """The jar, asking Maven for it when it is not there yet.

    Raises:
        Unavailable: there is no Maven, or it cannot get it.
    """
    jar = _FOLDER / "verapdf.jar"
    if jar.is_file():
        return jar
    fetch_folder("verapdf", _FOLDER, copy_of(_ARTIFACT), seconds, _name_jar)
    return jar


def _name_jar(folder: Path) -> None:
    (found,) = folder.glob("*.jar")
    found.rename(folder / "verapdf.jar")


def pdfa_problems(files: Sequence[Path], flavour: str = "2b") -> dict[Path, list[str]]:
    """What veraPDF finds wrong with files, by file; one that conforms has an empty list.

    Raises:
        Unavailable: there is no Java, or the jar was not fetched.
    """
    java = find_java()
    jar = _FOLDER / "verapdf.jar"
    if not jar.is_file():
        raise Unavailable("verapdf", "its jar is not fetched yet: run `make services`")
    done = subprocess.run(
        [java, "-Xmx512m", "-cp", str(jar), _MAIN, "--format", "text", "-v", "-f", flavour,
         *map(str, files)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    problems: dict[Path, list[str]] = {}
    current: list[str] | None = None
    for line in done.stdout.splitlines():
        word = line.split(" ", 1)[0]
        if word in ("PASS", "FAIL", "ERROR"):
            file = next((file for file in files if str(file) in line), None)
            current = [] if word == "PASS" else [line]
            if file is not None:
                problems[file] = current
        elif current is not None and line.strip():
            current.append(line.strip())
    for file in files:
        problems.setdefault(file, [f"veraPDF said nothing of it: {done.stderr[-300:]}"])
    return problems
