"""The lineage record: what one act read, what it made, and exactly what did it.

A record is canonical JSON (RFC 8785 for what it holds: sorted keys, integers and strings, no
floats) and is known by the SHA-256 of these bytes. It holds digests only and never personal data,
so that a document can be erased without breaking its record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
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


class Repeat(NamedTuple):
    """An event whose step was done before, and whose outputs a replay emitted again."""

    root: str
    step: str
    """Names the work: the record of the step that did it has the same."""
    event_in: str
    events_out: tuple[str, ...]


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
    repeats: list[Repeat] = field(default_factory=list)
    """Of a replay. Nothing was read or made, so one record for many events says all there is to
    say; a record for each would make the ledger as large again with every replay."""

    def canonical(self) -> bytes:
        """The record's bytes: what is kept, digested, and later signed."""
        build = self.build
        # Named in their order, so that nothing has to be sorted: this is done for every step.
        fields: dict[str, Any] = {"actor": self.actor, "attempt": self.attempt}
        if build is not None:
            fields["code"] = build.code
            fields["config"] = build.config
        fields["duration"] = self.duration
        if self.error is not None:
            fields["error"] = self.error
        fields["events"] = {"in": self.events_in, "out": self.events_out}
        if self.facts:
            fields["facts"] = dict(sorted(self.facts.items()))
        fields["inputs"] = _artifacts(self.inputs)
        fields["kind"] = self.kind
        if build is not None:
            fields["models"] = [
                {"name": m.name, "sha256": m.sha256, "version": m.version} for m in build.models
            ]
        fields["outcome"] = self.outcome
        fields["outputs"] = _artifacts(self.outputs)
        if self.reason is not None:
            fields["reason"] = self.reason
        if self.repeats:
            fields["repeats"] = [
                {"in": event_in, "out": events_out, "root": root, "step": step}
                for root, step, event_in, events_out in self.repeats
            ]
        fields["root"] = self.root
        if build is not None:
            fields["stage"] = build.stage
        fields["started"] = self.started
        if self.step is not None:
            fields["step"] = self.step
        if self.trace is not None:
            fields["trace"] = self.trace
        if build is not None:
            fields["version"] = build.version
        fields["worker"] = self.worker
        return orjson.dumps(fields)

    def about(self, root: str) -> Record:
        """What of it is about one root: of a replay, the events of that document or device."""
        if not self.repeats or root == self.root:
            return self
        repeats = [item for item in self.repeats if item.root == root]
        return replace(
            self,
            repeats=repeats,
            events_in=[item.event_in for item in repeats],
            events_out=[event_id for item in repeats for event_id in item.events_out],
        )


def _artifacts(items: Sequence[Artifact]) -> list[dict[str, Any]]:
    return [
        {"bytes": size, "media_type": media_type, "role": role, "sha256": known_by}
        for known_by, media_type, size, role in items
    ]


@lru_cache(maxsize=1024)
def _build(stage: str, version: str, code: str, config: str, *models: Model) -> Build:
    """Few builds do many steps: one is not made anew for every record that is read."""
    return Build(stage, version, code, config, models)


def build_of(fields: dict[str, Any]) -> Build | None:
    """The build that a record's parsed canonical bytes name."""
    if "stage" not in fields:
        return None
    return _build(
        fields["stage"],
        fields["version"],
        fields["code"],
        fields["config"],
        *[Model(**model) for model in fields["models"]],
    )


def _read_artifacts(items: list[dict[str, Any]]) -> list[Artifact]:
    return [
        Artifact(item["sha256"], item["media_type"], item["bytes"], item["role"]) for item in items
    ]


def parse_record(canonical: bytes) -> Record:
    """Read a record's canonical bytes."""
    fields = orjson.loads(canonical)
    return Record(
        kind=fields["kind"],
        root=fields["root"],
        build=build_of(fields),
        started=fields["started"],
        duration=fields["duration"],
        outcome=fields["outcome"],
        actor=fields["actor"],
        worker=fields["worker"],
        step=fields.get("step"),
        inputs=_read_artifacts(fields["inputs"]),
        outputs=_read_artifacts(fields["outputs"]),
        events_in=fields["events"]["in"],
        events_out=fields["events"]["out"],
        attempt=fields["attempt"],
        error=fields.get("error"),
        reason=fields.get("reason"),
        facts=fields.get("facts", {}),
        trace=fields.get("trace"),
        repeats=[
            Repeat(item["root"], item["step"], item["in"], tuple(item["out"]))
            for item in fields.get("repeats", ())
        ],
    )


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(data).hexdigest()
