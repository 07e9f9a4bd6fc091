"""The lineage record: what one act read, what it made, and exactly what did it.

A record is canonical JSON (RFC 8785 for what it holds: sorted keys, integers and strings, no
floats) and is known by the SHA-256 of these bytes. It holds digests only and never personal data,
so that a document can be erased without breaking its record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import orjson

Kind = Literal[
    "step", "split", "join", "drop", "gap", "train", "evaluate", "promote", "deploy", "activate",
    "rollback", "review", "redact", "redrive", "replay",
]  # fmt: skip
Outcome = Literal["done", "memoised", "duplicate", "rejected", "failed"]


class Artifact(NamedTuple):
    """Bytes a step read or made. Named by digest, so that records join across steps."""

    sha256: str
    media_type: str
    bytes: int
    role: str


class Model(NamedTuple):
    """A model a step used."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Build:
    """What does a step: when any of it changes, the outputs made by the old one are stale."""

    stage: str
    version: str
    code: str
    config: str
    models: tuple[Model, ...] = ()


@dataclass(slots=True)
class Record:
    """One act: what it read and made, what did it, when, and how it ended.

    ``facts`` are what the metadata tables are made from.
    """

    kind: Kind
    root: str
    """The document or device: ``document:<id>``, ``device:<id>``."""
    build: Build | None
    started: int
    """Microseconds since the Unix epoch."""
    duration: int
    """Microseconds."""
    outcome: Outcome
    actor: str
    worker: str
    step: str | None = None
    inputs: list[Artifact] = field(default_factory=list)
    outputs: list[Artifact] = field(default_factory=list)
    events_in: list[str] = field(default_factory=list)
    events_out: list[str] = field(default_factory=list)
    attempt: int = 1
    error: str | None = None
    """Class of the error."""
    reason: str | None = None
    """Why it was rejected, in words that hold no personal data."""
    facts: dict[str, int | str] = field(default_factory=dict)
    trace: str | None = None

    def canonical(self) -> bytes:
        """The record's bytes: what is kept, digested, and later signed."""
        build = self.build
        fields: dict[str, Any] = {
            "kind": self.kind,
            "root": self.root,
            "started": self.started,
            "duration": self.duration,
            "outcome": self.outcome,
            "actor": self.actor,
            "worker": self.worker,
            "attempt": self.attempt,
            "inputs": [_artifact(item) for item in self.inputs],
            "outputs": [_artifact(item) for item in self.outputs],
            "events": {"in": self.events_in, "out": self.events_out},
        }
        if build is not None:
            fields["stage"] = build.stage
            fields["version"] = build.version
            fields["code"] = build.code
            fields["config"] = build.config
            fields["models"] = [
                {"name": m.name, "version": m.version, "sha256": m.sha256} for m in build.models
            ]
        if self.step is not None:
            fields["step"] = self.step
        if self.error is not None:
            fields["error"] = self.error
        if self.reason is not None:
            fields["reason"] = self.reason
        if self.facts:
            fields["facts"] = self.facts
        if self.trace is not None:
            fields["trace"] = self.trace
        return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def _artifact(item: Artifact) -> dict[str, Any]:
    return {
        "sha256": item.sha256,
        "media_type": item.media_type,
        "bytes": item.bytes,
        "role": item.role,
    }


def parse_record(canonical: bytes) -> Record:
    """Read a record's canonical bytes."""
    fields = orjson.loads(canonical)
    build = None
    if "stage" in fields:
        build = Build(
            fields["stage"],
            fields["version"],
            fields["code"],
            fields["config"],
            tuple(Model(**model) for model in fields["models"]),
        )
    return Record(
        kind=fields["kind"],
        root=fields["root"],
        build=build,
        started=fields["started"],
        duration=fields["duration"],
        outcome=fields["outcome"],
        actor=fields["actor"],
        worker=fields["worker"],
        step=fields.get("step"),
        inputs=[Artifact(**item) for item in fields["inputs"]],
        outputs=[Artifact(**item) for item in fields["outputs"]],
        events_in=fields["events"]["in"],
        events_out=fields["events"]["out"],
        attempt=fields["attempt"],
        error=fields.get("error"),
        reason=fields.get("reason"),
        facts=fields.get("facts", {}),
        trace=fields.get("trace"),
    )


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(data).hexdigest()
