"""Makes what the settings name: the source of readings, attributes; and the code's digest."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from lineal_edge.settings import Settings
from lineal_edge.sources.kinds import open_source
from lineal_edge.sources.settings import ChannelSettings
from lineal_edge.sources.source import PositionedSource, Source
from lineal_scoring.machine import read_machine


def make_source(settings: Settings) -> Source | PositionedSource:
    """The source of readings.

    Raises:
        OSError, ValueError: a file cannot be read, a feature or fault is not known.
        BadMachine: the machine file cannot be used.
        MissingLibrary: the kind of source needs a library that is not installed.
    """
    return open_source(settings.source, settings.device)


def device_attributes(settings: Settings) -> dict[str, str]:
    """What the device says of itself; its kind is the machine file's name, unless that is set.

    Raises:
        BadMachine: the machine file cannot be used.
    """
    source = settings.source
    machine = source.machine if isinstance(source, ChannelSettings) else None
    known = {} if machine is None else {"kind": read_machine(machine).name}
    return {**known, **settings.attributes}


@lru_cache(maxsize=1)
def agent_digest() -> str:
    """SHA-256 (hex) of the agent's code: every module's name and bytes, in order of the names."""
    package = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        code = file.read_bytes()
        digest.update(f"{file.relative_to(package).as_posix()}\n{len(code)}\n".encode())
        digest.update(code)
    return digest.hexdigest()
