"""Promotes a model manually, and rolls back to the one before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar
from uuid import uuid4

from lineal.access.credential import Credential
from lineal.access.senders import read_acting_credential
from lineal.effects.records import lineage_records
from lineal.errors import LinealError, StateConflict
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent, trace_id
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_catalog.models.changes import LastChange, ModelChange, change_before
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

_SOURCE = "lineal:cli/model"

C = TypeVar("C", ModelPromoted, ModelRolledBack)


class NoPreviousModel(LinealError, LookupError):
    """No other model was in use before the one that is."""


async def promote(
    runtime: Runtime, info: ModelInfo, reason: str | None, *, by: Credential | None = None
) -> ModelPromoted:
    """Put a model into use that the ledger knows, whatever its gates said: an act of a person.

    Args:
        by: who decides; None: the account that runs this process, in the role the store knows.

    Raises:
        NotPermitted: they may not.
        UnknownModel: its file was erased.
    """
    by = by or await read_acting_credential(runtime.store)
    by.require("promote")
    if info.training is None:
        raise UnknownModel(f"{info.known.name} {info.known.version} was erased")
    training = info.training

    def promoted(last: LastChange, history: list[Promotion]) -> ModelPromoted:
        return ModelPromoted(
            name=info.known.name,
            model=_ref(info.known),
            previous=last.model,
            how="manual",
            by=by.actor,
            counter=last.counter + 1,
            artifact=training.artifact,
            reason=reason,
        )

    return await _change(runtime, info.known.name, "promote", promoted, by)


async def roll_back(
    runtime: Runtime, name: str, reason: str, *, by: Credential | None = None
) -> ModelRolledBack:
    """Put the model before into use again.

    Args:
        by: who decides; None: the account that runs this process, in the role the store knows.

    Raises:
        NotPermitted: they may not.
        NoPreviousModel: there is none.
    """
    by = by or await read_acting_credential(runtime.store)
    by.require("promote")

    def rolled_back(last: LastChange, history: list[Promotion]) -> ModelRolledBack:
        before = model_before(history)
        if before is None:
            raise NoPreviousModel(
                f"no other model {name!r} was in use before: nothing to go back to"
            )
        return ModelRolledBack(
            name=name,
            model=_ref(before),
            withdrawn=_ref(history[-1]),
            by=by.actor,
            reason=reason,
            counter=last.counter + 1,
            artifact=reference(before.sha256, before.bytes, before.media_type),
        )

    return await _change(runtime, name, "rollback", rolled_back, by)


async def _change(
    runtime: Runtime,
    name: str,
    kind: Literal["promote", "rollback"],
    make: Callable[[LastChange, list[Promotion]], C],
    by: Credential,
) -> C:
    """Publish a change of the model in use, made from the last one, together with its record."""
    while True:
        await runtime.flush_ledger()
        now = now_us()
        identifier = arrival_id(_SOURCE, name, f"{kind}\n{uuid4()}")
        last = await runtime.store.read(
            partial(change_before, name=name, event_id=identifier, now=now)
        )
        history = await runtime.store.read(lambda c: promotions_of(c, name))
        change = make(last, history)
        try:
            await _publish(runtime, change, kind, identifier, now, by)
        except StateConflict:
            continue  # somebody else was faster: this change follows that one
        await runtime.flush_ledger()
        return change


async def _publish(
    runtime: Runtime,
    change: ModelPromoted | ModelRolledBack,
    kind: Literal["promote", "rollback"],
    identifier: str,
    now: int,
    by: Credential,
) -> None:
    artifact = change.artifact
    event = first_event(
        change,
        id=identifier,
        source=_SOURCE,
        traceparent=first_traceparent(identifier, identifier),
        actor=by.actor,
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
    record = record_of(entry, build=None, actor=by.actor, worker=this_worker())
    numbered = ModelChange(
        change.name, change.counter, identifier, change.model.version, change.model.sha256, now
    )
    await runtime.committer.publish([(event.type, event)], [numbered, *lineage_records([record])])


def _ref(model: KnownModel | Promotion) -> ModelRef:
    return ModelRef(name=model.name, version=model.version, sha256=model.sha256)
