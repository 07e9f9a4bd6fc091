"""The projection of models: trained versions, and the one in use under each name.

A record of kind ``train`` made the model's file and an object that describes the training (role
``training``, a ``model.trained`` as JSON).

A change of the model in use is a step of kind ``promote`` or ``rollback`` that read the model's
file (role ``model``) and says in its attributes which version of which name it is, and its number
among the changes of that name (:mod:`lineal_catalog.models.changes`). Of older records two may have
one number: the second in the ledger has the next. The one with the highest number holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from lineal.artifact_in_use import ArtifactInUse
from lineal.lineage.projections import Projection, SharedRole
from lineal.lineage.record import Artifact, RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal.store.objects import small_object
from lineal_catalog.models.changes import MODEL_CHANGES

MODEL_ROLE = "model"
"""Role of a model's file among the inputs and outputs of a record."""


@dataclass(frozen=True, slots=True)
class Promotion(ArtifactInUse):
    """A model that is, or was, in use under a name, and who has put it there."""

    act: str
    """``promote`` or ``rollback``."""
    actor: str
    """The person or the stage."""
    since: int
    """Microseconds since the Unix epoch."""


TRAINING_ROLE = "training"
"""Role of the object that describes a training."""


class KnownModel(NamedTuple):
    """A model that was trained, whether or not it was ever in use."""

    name: str
    version: int
    sha256: str
    training: str
    """Digest of the object that describes its training."""
    trained: int
    """Microseconds since the Unix epoch."""


def _training(connection: Connection, record: RecordedStep) -> None:
    """Bring the table up to date with a record of kind ``train``."""
    for item in record.outputs:
        if item.role != TRAINING_ROLE:
            continue
        data = small_object(connection, item.sha256)
        model = {} if data is None else orjson.loads(data).get("model", {})
        if {"name", "version", "sha256"} <= model.keys():
            connection.execute(
                "INSERT INTO trained_models VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (model["name"], model["version"], model["sha256"], item.sha256, record.started),
            )


def trained_models(connection: Connection, name: str | None = None) -> list[KnownModel]:
    """All models that were trained, the newest version last; of one name, or all."""
    where, values = ("", ()) if name is None else ("WHERE name = ?", (name,))
    rows = connection.execute(
        "SELECT name, version, sha256, training, trained FROM trained_models "
        f"{where} ORDER BY name, version",
        values,
    )
    return [KnownModel(*row) for row in rows]


def promotion_attributes(name: str, version: int, counter: int, how: str) -> dict[str, int | str]:
    """The attributes of a record that changes the model in use."""
    return {"model": name, "model_version": version, "counter": counter, "how": how}


def _promotion(connection: Connection, record: RecordedStep) -> None:
    """Bring the table up to date with a record of kind ``promote`` or ``rollback``."""
    attributes = record.attributes
    file = next((item for item in record.inputs if item.role == MODEL_ROLE), None)
    if record.outcome != "done" or file is None or "counter" not in attributes:
        return
    name, expected = attributes["model"], int(attributes["counter"])
    known = connection.execute(
        "SELECT 1 FROM promotions WHERE name = ? AND counter >= ? AND sha256 = ? AND act = ?",
        (name, expected, file.sha256, record.kind),
    ).fetchone()
    if known is not None:
        return  # the same change, handled again or replayed
    (last,) = connection.execute(
        "SELECT coalesce(max(counter), 0) FROM promotions WHERE name = ?", (name,)
    ).fetchone()
    connection.execute(
        "INSERT INTO promotions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            # Who acts expects a number; where another act took it first, this one has the next.
            name, max(expected, last + 1), attributes["model_version"], *_file(file),
            record.kind, record.actor, record.started,
        ),
    )  # fmt: skip


def _file(item: Artifact) -> tuple[str, int, str]:
    return item.sha256, item.bytes, item.media_type


_COLUMNS = "name, counter, version, sha256, bytes, media_type, act, actor, since"


def model_in_use(connection: Connection, name: str) -> Promotion | None:
    """The model in use under a name; None where none was ever promoted."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM promotions WHERE name = ? ORDER BY counter DESC LIMIT 1", (name,)
    ).fetchone()
    return None if row is None else Promotion(*row)


def promotions_of(connection: Connection, name: str | None = None) -> list[Promotion]:
    """All changes of the model in use, the newest last; of one name, or of all in their order."""
    where, values = ("", ()) if name is None else ("WHERE name = ?", (name,))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM promotions {where} ORDER BY name, counter", values
    )
    return [Promotion(*row) for row in rows]


def model_before(history: list[Promotion]) -> Promotion | None:
    """The model that was in use before the one that is, however often was gone back since.

    Args:
        history: the changes of one name, the newest last.
    """
    if not history:
        return None
    now = history[-1]
    # Where it was promoted, not where it was gone back to: behind that stands what was withdrawn.
    place = max(
        (
            index
            for index, item in enumerate(history)
            if item.act == "promote" and item.sha256 == now.sha256
        ),
        default=0,
    )
    return next((item for item in reversed(history[:place]) if item.sha256 != now.sha256), None)


def _apply(connection: Connection, records: Sequence[RecordedStep]) -> None:
    for record in records:
        if record.kind == "train":
            _training(connection, record)
        else:
            _promotion(connection, record)


_TRAINED_MODELS = """
CREATE TABLE trained_models (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    training TEXT NOT NULL,
    trained INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;
"""
_PROMOTIONS = """
CREATE TABLE promotions (
    name TEXT NOT NULL,
    counter INTEGER NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    act TEXT NOT NULL,
    actor TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (name, counter)
) WITHOUT ROWID;
"""

MODELS = Projection(
    "models",
    (Table("trained_models", _TRAINED_MODELS), Table("promotions", _PROMOTIONS), MODEL_CHANGES),
    _apply,
    kinds=frozenset(("train", "promote", "rollback")),
    reads_of_others=frozenset({SharedRole("model:", "data")}),
    copies=frozenset({"golden"}),
    ids_of_causes=("model:",),
    erasure="names of models, versions, digests and who promoted: nothing of what was learnt from",
)
