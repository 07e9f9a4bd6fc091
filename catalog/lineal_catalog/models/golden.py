"""Finds the golden samples that were recorded when a model was evaluated."""

from __future__ import annotations

import orjson

from lineal.lineage.ledger import steps_of_artifact
from lineal.store.connection import Connection
from lineal.store.objects import small_object
from lineal_schemas.objects import ObjectRef


def recorded_golden(connection: Connection, sha256: str) -> ObjectRef | None:
    """The newest golden samples of a model, by the digest of its file: from the evaluations that
    the ledger has of exactly this file. None where there are none."""
    for record in reversed(steps_of_artifact(connection, sha256, made=False)):
        if record.kind != "evaluate":
            continue
        for item in record.outputs:
            if item.role != "evaluation":
                continue
            data = small_object(connection, item.sha256)
            found = {} if data is None else orjson.loads(data)
            if found.get("model", {}).get("sha256") == sha256 and found.get("golden"):
                return ObjectRef.model_validate(found["golden"])
    return None
