"""Fetches what the servers need, once: the broker's jars, the emulators' environments."""

from __future__ import annotations

import contextlib
import fcntl
import sys
from collections.abc import Iterator

from lineal_local.apicurio import fetch_apicurio
from lineal_local.availability import CACHE, Unavailable
from lineal_local.dovecot import find_dovecot
from lineal_local.environments import is_set_up, set_up_environment
from lineal_local.kafka import Kafka
from lineal_local.kafka_jars import JARS, class_archive, fetch_jars, find_java
from lineal_local.mosquitto import find_mosquitto
from lineal_local.postgres import find_programs
from lineal_local.process import StartFailed
from lineal_local.verapdf import fetch_verapdf


def prepare() -> list[Unavailable]:
    """Fetch what is missing; what cannot be had here is returned, not raised."""
    missing: list[Unavailable] = []
    with _alone():
        for step in _STEPS:
            try:
                step()
            except Unavailable as error:
                missing.append(error)
    return missing


def _kafka() -> None:
    find_java()
    if not JARS.is_dir():
        _say("Fetching Apache Kafka with Maven (once, 54 MB)")
    fetch_jars()
    if not class_archive().exists():
        _archive_classes()


def _archive_classes() -> None:
    """Let a broker write down its classes as it ends (JEP 350): the next ones start sooner."""
    unfinished = class_archive().with_suffix(".unfinished")
    with contextlib.suppress(StartFailed):  # a saving of time, nothing that must be
        with Kafka(jvm=[f"-XX:ArchiveClassesAtExit={unfinished}", "-Xlog:cds=off"]) as kafka:
            kafka.shut_down(seconds=120)
        if unfinished.exists():
            unfinished.rename(class_archive())


def _ministack() -> None:
    _environment("ministack")


def _moto() -> None:
    _environment("moto")


def _environment(name: str) -> None:
    if not is_set_up(name):
        _say(f"Installing {name} into an environment of its own (once)")
    set_up_environment(name)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two runs in one checkout must not fetch into the same folder."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_STEPS = (
    _kafka,
    _ministack,
    _moto,
    find_programs,
    find_mosquitto,
    find_dovecot,
    fetch_verapdf,
    fetch_apicurio,
)
