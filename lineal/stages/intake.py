"""What a step begins with, and what it is known by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from lineal.lineage.record import Artifact, Build, build_prefix, gathered_step_id
from lineal.stages.trained_models import ModelInUse
from lineal_schemas.envelope import RawEvent
from lineal_schemas.ids import gathered_id
from lineal_schemas.parts import Part


class Identity(NamedTuple):
    """What does a step, and under which trained models."""

    build: Build
    prefix: bytes
    """What the ids of its steps begin with."""
    trained: Mapping[str, ModelInUse | None]


def identity_of(build: Build, trained: Mapping[str, ModelInUse | None]) -> Identity:
    """The identity of a build."""
    return Identity(build, build_prefix(build), trained)


class Whole(NamedTuple):
    """All parts of a whole."""

    part: Part
    """The one that came last."""
    events: Sequence[RawEvent]
    """In the order of their index."""


class Intake(NamedTuple):
    """What a step begins with."""

    raw: RawEvent
    """The event; of a whole, the part that came last."""
    digests: Sequence[bytes]
    """SHA-256 of the data of the event; of a whole, of each part."""
    step_id: bytes
    identity: Identity
    whole: Whole | None = None

    @property
    def input_id(self) -> str:
        """What the ids of the outputs are derived from."""
        return self.raw.id if self.whole is None else gathered_id(self.event_ids())

    def event_ids(self) -> list[str]:
        """The id of the event; of a whole, of the parts in the order of their index."""
        return [self.raw.id] if self.whole is None else [event.id for event in self.whole.events]

    def inputs(self) -> list[Artifact]:
        """The data of the event, or of the parts, as the record names it."""
        if self.whole is None:
            return [_artifact(self.raw, self.digests[0])]
        return [
            _artifact(event, digest)
            for event, digest in zip(self.whole.events, self.digests, strict=True)
        ]


def _artifact(event: RawEvent, digest: bytes) -> Artifact:
    return Artifact(digest.hex(), event.datacontenttype, len(event.data), "event")


def take_in(raw: RawEvent, identity: Identity) -> Intake:
    """The intake of a step of one event."""
    digest = sha256(raw.data).digest()
    return Intake(raw, (digest,), sha256(identity.prefix + digest).digest(), identity)


def take_in_whole(raw: RawEvent, whole: Whole, identity: Identity) -> Intake:
    """The intake of a step of all parts of a whole."""
    intakes = [take_in(event, identity) for event in whole.events]
    return Intake(
        raw,
        [intake.digests[0] for intake in intakes],
        gathered_step_id(intake.step_id for intake in intakes),
        identity,
        whole,
    )
