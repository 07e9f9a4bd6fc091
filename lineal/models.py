"""Questions about trained models, and the acts of people: promoting one by hand, going back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from lineal.bus.protocol import Delivery, Position, Settlement
from lineal.lineage.actor import acting_user, this_worker
from lineal.lineage.ledger import records_of_artifact
from lineal.lineage.promotions import (
    MODEL_ROLE,
    KnownModel,
    ModelInUse,
    model_before,
    promotion_facts,
    promotions_of,
    trained_models,
)
from lineal.lineage.record import Artifact, Record, digest
from lineal.observability.tracing import first_traceparent, trace_id
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference, small_object
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.models import ModelPromoted, ModelRef, ModelRolledBack, ModelTrained
from lineal_schemas.objects import ObjectRef

_SOURCE = "lineal:cli/model"


class UnknownModel(LookupError):
    """No model was trained under this name, or not in this version."""


class NothingToGoBackTo(LookupError):
    """No other model was in use before the one that is."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model with what is known of it."""

    known: KnownModel
    training: ModelTrained | None
    """None: it was erased."""
    status: Literal["in use", "previous", "retired", "passed", "failed", "trained"]
    """``previous`` is what ``rollback`` goes back to; ``passed`` and ``failed`` say how the newest
    evaluation of one that was never in use came out."""
    evaluation: dict[str, Any] | None
    """The newest, a ``model.evaluated`` as JSON."""


def list_models(connection: Connection, name: str | None = None) -> list[ModelInfo]:
    """All trained models, by name and version; of one name, or all."""
    histories: dict[str, list[ModelInUse]] = {}
    for change in promotions_of(connection, name):
        histories.setdefault(change.name, []).append(change)
    return [
        _info(connection, known, histories.get(known.name, []))
        for known in trained_models(connection, name)
    ]


def find_model(connection: Connection, name: str, version: int | None = None) -> ModelInfo:
    """One version of a model; without a version the one in use, or else the newest.

    Raises:
        UnknownModel: there is none.
    """
    found = list_models(connection, name)
    if not found:
        raise UnknownModel(f"no model {name!r} was trained: `lineal model list` lists them")
    if version is not None:
        found = [info for info in found if info.known.version == version]
        if not found:
            raise UnknownModel(f"{name} has no version {version}: `lineal model list {name}`")
        return found[0]
    return next((info for info in found if info.status == "in use"), found[-1])


def _info(connection: Connection, known: KnownModel, history: list[ModelInUse]) -> ModelInfo:
    data = small_object(connection, known.training)
    training = None if data is None else ModelTrained.model_validate_json(data)
    evaluation = _evaluation(connection, known)
    before = model_before(history)
    status: Any = "trained"
    if history and history[-1].sha256 == known.sha256:
        status = "in use"
    elif before is not None and before.sha256 == known.sha256:
        status = "previous"
    elif any(change.sha256 == known.sha256 for change in history):
        status = "retired"
    elif evaluation is not None:
        status = "passed" if evaluation["passed"] else "failed"
    return ModelInfo(known, training, status, evaluation)


def _evaluation(connection: Connection, known: KnownModel) -> dict[str, Any] | None:
    for record in reversed(records_of_artifact(connection, known.sha256, made=False)):
        if record.kind != "evaluate":
            continue
        for item in record.outputs:
            if item.role != "evaluation":
                continue
            data = small_object(connection, item.sha256)
            found: dict[str, Any] = {} if data is None else orjson.loads(data)
            if found.get("model", {}).get("sha256") == known.sha256:
                return found
    return None


async def promote(runtime: Runtime, info: ModelInfo, reason: str | None) -> ModelPromoted:
    """Put a model into use, whatever its gates said: an act of the person at the command line.

    Raises:
        UnknownModel: its file was erased.
    """
    if info.training is None:
        raise UnknownModel(f"{info.known.name} {info.known.version} was erased")
    history = await runtime.store.read(lambda c: promotions_of(c, info.known.name))
    promoted = ModelPromoted(
        name=info.known.name,
        model=_ref(info.known),
        previous=_ref(history[-1]) if history else None,
        how="hand",
        by=acting_user(),
        counter=history[-1].counter + 1 if history else 1,
        artifact=info.training.artifact,
        reason=reason,
    )
    await _act(runtime, promoted, "promote", promoted.artifact)
    return promoted


async def roll_back(runtime: Runtime, name: str, reason: str) -> ModelRolledBack:
    """Put the model before into use again.

    Raises:
        NothingToGoBackTo: there is none.
    """
    history = await runtime.store.read(lambda c: promotions_of(c, name))
    before = model_before(history)
    if before is None:
        raise NothingToGoBackTo(f"no other model {name!r} was in use before: nothing to go back to")
    rolled_back = ModelRolledBack(
        name=name,
        model=_ref(before),
        withdrawn=_ref(history[-1]),
        by=acting_user(),
        reason=reason,
        counter=history[-1].counter + 1,
        artifact=reference(before.sha256, before.bytes, before.media_type),
    )
    await _act(runtime, rolled_back, "rollback", rolled_back.artifact)
    return rolled_back


async def _act(
    runtime: Runtime,
    change: ModelPromoted | ModelRolledBack,
    kind: Literal["promote", "rollback"],
    artifact: ObjectRef,
) -> None:
    """Publish a change of the model in use together with its record."""
    now = now_us()
    identifier = arrival_id(_SOURCE, change.model.sha256, f"{change.type}\n{change.counter}\n{now}")
    event = first_event(
        change, id=identifier, source=_SOURCE, traceparent=first_traceparent(identifier, identifier)
    )
    model = Artifact(artifact.sha256, artifact.media_type, artifact.bytes, MODEL_ROLE)
    made = Artifact(digest(event.data), event.datacontenttype, len(event.data), "event")
    record = Record(
        kind=kind,
        root=event.correlationid,
        build=None,
        started=now,
        duration=0,
        outcome="done",
        actor=acting_user(),
        worker=this_worker(),
        inputs=[model],
        outputs=[made],
        events_out=[event.id],
        facts=promotion_facts(change.name, change.model.version, change.counter, "hand"),
        trace=trace_id(event.traceparent),
    )
    delivery = Delivery(Position(event.type, 0, 0), event)
    await runtime.bus.settle_unowned([Settlement(delivery, [(event.type, event)], record)])
    await runtime.bus.recorded()


def _ref(model: KnownModel | ModelInUse) -> ModelRef:
    return ModelRef(name=model.name, version=model.version, sha256=model.sha256)
