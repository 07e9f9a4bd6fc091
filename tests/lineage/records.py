"""Records of one step, for tests to append."""

from __future__ import annotations

from typing import Any

from lineal.lineage.record import Build, Record, StepEntry, record_of


def one_step(
    subject: str = "document:a",
    build: Build | None = None,
    *,
    actor: str = "stage:x",
    worker: str = "host/1",
    started: int = 1,
    **fields: Any,
) -> Record:
    """A record of one step."""
    for name in ("inputs", "outputs", "events_in", "events_out", "emitted"):
        if name in fields:
            fields[name] = tuple(fields[name])
    entry = StepEntry(subject, started, **{"worked": 1, **fields})
    return record_of(entry, build=build, actor=actor, worker=worker)
