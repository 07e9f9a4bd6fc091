"""What the ledger says of a model that was put into use, for tests that begin after it."""

from __future__ import annotations

from hashlib import sha256

from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact
from lineal_catalog.models.promotions import MODEL_ROLE, promotion_attributes
from lineal_schemas.models import ModelPromoted, ModelRef, ModelRolledBack
from lineal_schemas.objects import ObjectRef
from tests.lineage.records import one_step


def promoted_turbine(model: bytes, version: int, reason: str | None = None) -> ModelPromoted:
    """A version of the model ``turbine`` that somebody has put into use."""
    digest = sha256(model).hexdigest()
    return ModelPromoted(
        name="turbine",
        model=ModelRef(name="turbine", version=version, sha256=digest),
        how="manual",
        by="ann",
        counter=version,
        reason=reason,
        artifact=ObjectRef(
            uri=f"lineal:objects/{digest}", sha256=digest, bytes=len(model), media_type="x/y"
        ),
    )


def promotion_record(change: ModelPromoted | ModelRolledBack) -> list[Effect]:
    """The effect that appends the record of a promotion, or of the way back."""
    file = change.artifact
    model = Artifact(file.sha256, file.media_type, file.bytes, MODEL_ROLE)
    attributes = promotion_attributes(change.name, change.model.version, change.counter, "manual")
    kind = "promote" if isinstance(change, ModelPromoted) else "rollback"
    record = one_step(f"model:{change.name}", kind=kind, inputs=[model], attributes=attributes)
    return list(lineage_records([record]))
