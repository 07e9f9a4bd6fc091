"""The lineage record: what the steps of one commit read and made, by which build.

A record has a header (what did the steps, and when) and an entry for each step. Its bytes are
canonical JSON (:mod:`lineal.lineage.canonical`), and it is known by their SHA-256. It holds digests
only and never personal data, so that content can be erased without breaking its record.

Readers take records apart again: a :class:`RecordedStep` is one entry with its header.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b, sha256
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from lineal_schemas.ids import cause_id, fan_in_id, output_id

Kind = str
"""What a step is called in records, one lower-case word. The runtime makes ``step``, ``split``,
``join``, ``redrive``, ``drop``, ``retry``, ``abandon``, ``replay``, ``emit``, ``act``, ``timer``,
``rotate``, ``lost``, ``cover``, ``access`` and ``refuse``; stages and producers make what their
projections look for."""
ACT: Kind = "act"
"""Somebody decided or asked for something, by an event."""
TIMER: Kind = "timer"
"""The event of a stage's timer was published: a record by whoever published it."""
ACCESS: Kind = "access"
"""A change of a user or a token, which is its subject."""
Outcome = Literal["done", "memoised", "skipped", "duplicate", "rejected", "failed", "delayed"]
"""How a step ended. ``delayed``: the attempt failed, and the event is tried again after a delay.
``skipped``: the stage said that there was nothing to do. ``duplicate`` is its older name, which
only records of version 1 have."""

Attributes = Mapping[str, int | str]

MAX_STEPS = 64
"""Of a record. Whoever looks for one step decompresses and parses its whole record, which at this
size takes 0.1 ms; the header's share of a step is three bytes."""

_NONE: Attributes = MappingProxyType({})


class Artifact(NamedTuple):
    """Bytes a step read or made. Named by digest, so that records join across steps."""

    sha256: str
    media_type: str
    bytes: int
    role: str


class UsedArtifact(NamedTuple):
    """A named file that a step worked with, beside its input: a model, for one."""

    name: str
    version: str
    sha256: str


Model = UsedArtifact
"""Its former name."""


class Build(NamedTuple):
    """What does a step: when any of it changes, the outputs made by the old one are stale."""

    stage: str
    version: str
    code: str
    config: str
    artifacts: tuple[UsedArtifact, ...] = ()
    """What it works with beside its input: records call them models."""

    def using(self, more: Iterable[UsedArtifact]) -> Build:
        """The build with further artifacts."""
        return self._replace(artifacts=(*self.artifacts, *more))


class StepEntry(NamedTuple):
    """One step of a record: what it read and made, and how it ended."""

    subject: str
    """What the step is about, ``order:<id>`` for one: the correlation id of its event."""
    started: int
    """Microseconds since the Unix epoch."""
    worked: int = 0
    """Microseconds that it took."""
    waited: int = 0
    """Microseconds between the time of its event and its beginning: that at which the event was
    made or, where it states none, appended; when it was due, of a timer's. 0 in a replay."""
    kind: Kind = "step"
    outcome: Outcome = "done"
    events_in: tuple[str, ...] = ()
    """Ids; of a fan-in step those of all parts in their order."""
    emitted: tuple[str, ...] = ()
    """Types of the events it emitted, in their order, whose ids are derived from its input
    (DESIGN §3): the ids themselves are not written."""
    events_out: tuple[str, ...] = ()
    """Ids of those events out that cannot be derived."""
    inputs: tuple[Artifact, ...] = ()
    """Those of ``events_in`` first, in their order."""
    outputs: tuple[Artifact, ...] = ()
    attempt: int = 1
    error: str | None = None
    """Class of the error."""
    reason: str | None = None
    """Why it was rejected or skipped, in words that hold no personal data."""
    attributes: Attributes = _NONE
    """What the stage recorded about the step; projections use it."""
    fan_in: bool = False
    """Whether the ids of outputs are derived from all parts, instead of from the one event."""
    step: str | None = None
    """Names the work (the memo's key) where it is not derived from the build and the inputs."""
    trace: str | None = None
    """W3C trace id."""
    caused: tuple[tuple[str, str], ...] = ()
    """Other subjects that events it emitted are about, each with the type of such an event."""
    source_mark: str | None = None
    """Of the event in, whose id other sources may give too: the ids of the events out are derived
    from it as well (:func:`lineal_schemas.ids.source_mark`)."""

    @property
    def input_id(self) -> str:
        """What the ids of ``emitted`` are derived from."""
        if self.fan_in:
            return fan_in_id(list(self.events_in))
        return cause_id(self.events_in[0], self.source_mark)


class Record(NamedTuple):
    """What one worker committed together, done by one build: a leaf of the log."""

    build: Build | None
    """None for what a person did."""
    actor: str
    worker: str
    started: int
    """Microseconds since the Unix epoch, as ``finished``."""
    finished: int
    steps: tuple[StepEntry, ...]

    def recorded(self) -> Iterator[RecordedStep]:
        """Its steps, each with the header."""
        build, actor, worker = self.build, self.actor, self.worker
        return (RecordedStep(build, actor, worker, entry) for entry in self.steps)

    def part(self, begin: int, end: int) -> Record:
        """A record of some of its steps."""
        steps = self.steps[begin:end]
        started = min([entry.started for entry in steps])
        finished = max([entry.started + entry.worked for entry in steps])
        return self._replace(started=started, finished=finished, steps=steps)

    def replace_step(self, **changes: Any) -> Record:
        """A record of one step with other fields of that step.

        Raises:
            ValueError: it has several.
        """
        (entry,) = self.steps
        return self._replace(steps=(entry._replace(**changes),))


def record_of(entry: StepEntry, *, build: Build | None, actor: str, worker: str) -> Record:
    """The record of a step that was committed alone."""
    finished = entry.started + entry.worked
    return Record(build, actor, worker, entry.started, finished, (entry,))


def merge_records(records: Iterable[Record]) -> list[Record]:
    """Make one record of adjacent ones of the same build, actor and worker, and several of those
    that have more than :data:`MAX_STEPS` steps."""
    merged: list[Record] = []
    pending: list[Record] = []
    for record in records:
        if pending and record[:3] != pending[0][:3]:
            merged += _merged(pending)
            pending = []
        pending.append(record)
    return merged + _merged(pending)


def _merged(records: Sequence[Record]) -> list[Record]:
    if len(records) == 1 and len(records[0].steps) <= MAX_STEPS:
        return list(records)
    if not records:
        return []
    steps = tuple([entry for record in records for entry in record.steps])
    together = records[0]._replace(steps=steps)
    return [together.part(begin, begin + MAX_STEPS) for begin in range(0, len(steps), MAX_STEPS)]


class RecordedStep(NamedTuple):
    """A step in the ledger: an entry with the header of its record."""

    build: Build | None
    actor: str
    worker: str
    entry: StepEntry

    @property
    def kind(self) -> Kind:
        return self.entry.kind

    @property
    def subject(self) -> str:
        return self.entry.subject

    @property
    def outcome(self) -> Outcome:
        return self.entry.outcome

    @property
    def started(self) -> int:
        """Microseconds since the Unix epoch."""
        return self.entry.started

    @property
    def worked(self) -> int:
        """Microseconds."""
        return self.entry.worked

    @property
    def waited(self) -> int:
        """Microseconds."""
        return self.entry.waited

    @property
    def inputs(self) -> tuple[Artifact, ...]:
        return self.entry.inputs

    @property
    def outputs(self) -> tuple[Artifact, ...]:
        return self.entry.outputs

    @property
    def events_in(self) -> tuple[str, ...]:
        return self.entry.events_in

    @property
    def attempt(self) -> int:
        return self.entry.attempt

    @property
    def error(self) -> str | None:
        return self.entry.error

    @property
    def reason(self) -> str | None:
        return self.entry.reason

    @property
    def attributes(self) -> Attributes:
        return self.entry.attributes

    @property
    def trace(self) -> str | None:
        return self.entry.trace

    @property
    def events_out(self) -> tuple[str, ...]:
        """Ids of the events it emitted."""
        entry = self.entry
        if not entry.emitted or self.build is None or not entry.events_in:
            return entry.events_out
        input_id = entry.input_id
        stage, version = self.build.stage, self.build.version
        ordinals: dict[str, int] = {}
        derived = []
        for kind in entry.emitted:
            ordinal = ordinals.get(kind, 0)
            ordinals[kind] = ordinal + 1
            derived.append(output_id(input_id, stage, version, kind, ordinal))
        return (*derived, *entry.events_out)

    @property
    def step(self) -> str | None:
        """Names the work: steps of the same build on the same bytes have the same. None for what
        was not the handling of an event by a stage."""
        entry = self.entry
        if entry.step is not None or self.build is None or not entry.events_in:
            return entry.step
        read = entry.inputs[: len(entry.events_in)]
        if len(read) < len(entry.events_in):
            return None
        ids = [step_id(self.build, bytes.fromhex(item.sha256)) for item in read]
        return (ids[0] if not entry.fan_in else fan_in_step_id(ids)).hex()

    def json_fields(self) -> dict[str, Any]:
        """As JSON shows a step: :meth:`fields`, and beside ``root`` and ``facts``, which scripts
        read, the names of today."""
        shown = self.fields() | {"correlation_id": self.entry.subject}
        if self.entry.attributes:
            shown["attributes"] = dict(sorted(self.entry.attributes.items()))
        if self.entry.caused:
            shown["caused"] = [{"subject": name, "type": of} for name, of in self.entry.caused]
        return shown

    def fields(self) -> dict[str, Any]:
        """What a step says, with the fields, and their names, of records of version 1."""
        entry, build = self.entry, self.build
        fields: dict[str, Any] = {
            "actor": self.actor,
            "attempt": entry.attempt,
            "duration": entry.worked,
            "error": entry.error,
            "events": {"in": list(entry.events_in), "out": list(self.events_out)},
            "facts": dict(sorted(entry.attributes.items())) or None,
            "inputs": [item._asdict() for item in entry.inputs],
            "kind": entry.kind,
            "outcome": entry.outcome,
            "outputs": [item._asdict() for item in entry.outputs],
            "reason": entry.reason,
            "root": entry.subject,
            "started": entry.started,
            "step": self.step,
            "trace": entry.trace,
            "waited": entry.waited or None,
            "worker": self.worker,
        }
        if build is not None:
            fields |= build._asdict()
            del fields["artifacts"]
            fields["models"] = [artifact._asdict() for artifact in build.artifacts]
        if entry.kind == "replay" and build is not None:
            fields["repeats"] = [
                {"root": entry.subject, "step": self.step, "in": event_in, "out": self.events_out}
                for event_in in entry.events_in
            ]
        return {name: value for name, value in sorted(fields.items()) if value is not None}


@lru_cache(maxsize=1024)
def build_prefix(build: Build) -> bytes:
    """What the ids of a build's steps begin with."""
    named = (build.stage, build.version, build.code, build.config)
    return "\n".join((*named, *[artifact.sha256 for artifact in build.artifacts])).encode()


def step_id(build: Build, input_digest: bytes) -> bytes:
    """The id of a build's step on these bytes."""
    return sha256(build_prefix(build) + input_digest).digest()


def fan_in_step_id(ids: Iterable[bytes]) -> bytes:
    """The id of a step on several parts, from those that a step on each would have."""
    return sha256(b"".join(ids)).digest()


@lru_cache(maxsize=4096)
def subject_trace(subject: str) -> str:
    """The trace of events about a subject that came without one."""
    return blake2b(subject.encode(), digest_size=16).hexdigest()


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(data).hexdigest()
