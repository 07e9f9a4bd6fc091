"""Promotes a model manually, and rolls back to the one before."""

from __future__ import annotations

from typing import Literal

from lineal.effects.records import lineage_records
from lineal.errors import LinealError
from lineal.lineage.actor import acting_user, this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent, trace_id
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_catalog.models.promotions import (
    MODEL_ROLE,
    KnownModel,
    Promotion,
    model_before,
    promotion_attributes,
    promotions_of,
)
from lineal_catalog.models.queries import ModelInfo, UnknownModel
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.models import ModelPromoted, ModelRef, ModelRolledBack
from lineal_schemas.objects import ObjectRef

_SOURCE = "lineal:cli/model"


class NoPreviousModel(LinealError, LookupError):
    """No other model was in use before the one that is."""


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
        how="manual",
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
        NoPreviousModel: there is none.
    """
    history = await runtime.store.read(lambda c: promotions_of(c, name))
    before = model_before(history)
    if before is None:
        raise NoPreviousModel(f"no other model {name!r} was in use before: nothing to go back to")
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
    entry = StepEntry(
        event.correlationid,
        now,
        kind=kind,
        inputs=(model,),
        outputs=(made,),
        events_out=(event.id,),
        attributes=promotion_attributes(
            change.name, change.model.version, change.counter, "manual"
        ),
        trace=trace_id(event.traceparent),
    )
    record = record_of(entry, build=None, actor=acting_user(), worker=this_worker())
    await runtime.committer.publish([(event.type, event)], lineage_records([record]))
    await runtime.flush_ledger()


def _ref(model: KnownModel | Promotion) -> ModelRef:
    return ModelRef(name=model.name, version=model.version, sha256=model.sha256)
