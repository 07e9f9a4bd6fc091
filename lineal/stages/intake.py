"""What a step begins with, and what it is known by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from lineal.lineage.promotions import ModelInUse
from lineal.lineage.record import Artifact, Build
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
    named = (build.stage, build.version, build.code, build.config)
    digests = (model.sha256 for model in build.models)
    return Identity(build, "\n".join((*named, *digests)).encode(), trained)


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
    inputs: list[Artifact]
    step_id: bytes
    input_id: str
    """What the ids of the outputs are derived from."""
    identity: Identity
    whole: Whole | None = None


def take_in(raw: RawEvent, identity: Identity) -> Intake:
    """The intake of a step of one event."""
    data = sha256(raw.data)
    return Intake(
        raw,
        [Artifact(data.hexdigest(), raw.datacontenttype, len(raw.data), "event")],
        sha256(identity.prefix + data.digest()).digest(),
        raw.id,
        identity,
    )


def take_in_whole(raw: RawEvent, whole: Whole, identity: Identity) -> Intake:
    """The intake of a step of all parts of a whole."""
    intakes = [take_in(event, identity) for event in whole.events]
    return Intake(
        raw,
        [artifact for intake in intakes for artifact in intake.inputs],
        sha256(b"".join(intake.step_id for intake in intakes)).digest(),
        gathered_id([event.id for event in whole.events]),
        identity,
        whole,
    )
