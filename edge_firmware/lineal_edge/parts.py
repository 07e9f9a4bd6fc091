"""Makes the source of readings that the settings name, and the digest of the agent's code."""

from __future__ import annotations

import hashlib
import zlib
from functools import lru_cache
from pathlib import Path

from lineal_edge.settings import ReplaySource, SerialSource, Settings
from lineal_edge.sources.replay import CsvReplay
from lineal_edge.sources.serial_line import SerialLine
from lineal_edge.sources.simulator import Simulator
from lineal_edge.sources.source import Source
from lineal_scoring.turbine.simulation import parse_fault


def make_source(settings: Settings) -> Source:
    """The source of readings.

    Raises:
        OSError, ValueError: a file cannot be read, a feature or fault is not known.
    """
    source = settings.source
    if isinstance(source, SerialSource):
        return SerialLine(source.port, baud=source.baud, features=source.features)
    if isinstance(source, ReplaySource):
        return CsvReplay(
            source.file, rate=source.rate, features=source.features, repeat=source.repeat
        )
    seed = zlib.crc32(settings.device.encode()) if source.seed is None else source.seed
    return Simulator(
        seed,
        rate=source.rate,
        faults=[parse_fault(fault) for fault in source.faults],
        features=source.features,
    )


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
