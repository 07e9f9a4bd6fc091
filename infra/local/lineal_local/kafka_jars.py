"""The jars of Apache Kafka, fetched once by Maven, and a Java that can run them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from lineal_local.availability import CACHE, Unavailable, find_program
from lineal_local.maven import fetch_folder

VERSION = "4.3.0"
JARS = CACHE / f"kafka-{VERSION}"
_POM = Path(__file__).resolve().parents[1] / "pom.xml"
_OLDEST_JAVA = 17  # Kafka 4 brokers


def find_java() -> str:
    """The path of a Java 17 or newer; Unavailable when there is none."""
    java = find_program("java")
    if java is None:
        raise Unavailable("kafka", "no Java found: install openjdk-17-jre-headless or newer")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        raise Unavailable("kafka", f"Java {_OLDEST_JAVA} or newer is needed: install "
                          "openjdk-17-jre-headless")  # fmt: skip
    return java


def installed_jars() -> Path:
    """The folder with the broker's jars; Unavailable when they were not fetched."""
    if not JARS.is_dir():
        raise Unavailable(
            "kafka", "its jars are not fetched yet: run `make services` (needs maven)"
        )
    return JARS


def class_archive() -> Path:
    """Where the broker's classes are kept as the JVM wants them, which spares half of its start.

    A JVM passes over an archive that another version, or another set of jars, has written.
    """
    return CACHE / f"kafka-{VERSION}.jsa"


def fetch_jars(seconds: float = 300) -> Path:
    """The folder with the broker's jars, asking Maven for them when they are not there yet."""
    if JARS.is_dir():
        return JARS
    fetch_folder(
        "kafka",
        JARS,
        lambda folder: [
            "-f", str(_POM), f"-Dkafka.version={VERSION}", "dependency:copy-dependencies",
            f"-DoutputDirectory={folder}", "-DincludeScope=runtime",
        ],
        seconds,
    )  # fmt: skip
    return JARS
