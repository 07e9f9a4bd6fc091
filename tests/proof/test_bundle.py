"""What belongs to the evidence of a subject."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Artifact, Build, UsedArtifact
from lineal.proof.bundle import NotProven, prove_records, records_behind
from lineal.proof.checkpoint import open_checkpoint
from lineal.proof.keys import read_verifier_keys
from lineal.store.connection import Connection
from lineal.store.database import Database
from tests.lineage.records import one_step
from tests.proof.ledgers import sign

MODEL = Artifact("e0" * 32, "application/octet-stream", 1, "model")


def build(stage: str, *models: str) -> Build:
    return Build(
        stage, "1", "a" * 64, "b" * 64, tuple(UsedArtifact("m", "1", sha) for sha in models)
    )


def test_the_models_that_were_used_belong_to_it_and_what_was_done_to_them(
    connection: Connection,
) -> None:
    records = [
        one_step("document:other", build("ocr")),
        one_step("model:m", build("train"), kind="train", outputs=[MODEL]),
        one_step("model:m", None, kind="promote", actor="user:ada", inputs=[MODEL]),
        one_step("document:a", build("nlp", MODEL.sha256)),
        one_step("model:other", build("train"), kind="train"),
        one_step("document:b", build("nlp", "e1" * 32)),
    ]
    for record in records:
        Ledger().append(connection, [record])
    assert list(records_behind(connection, "document:a")) == [2, 3, 4]
    assert list(records_behind(connection, "document:b")) == [6]
    assert list(records_behind(connection, "model:m")) == [2, 3]
    assert records_behind(connection, "document:c") == {}


async def test_what_is_not_signed_is_not_proven(database: Database, tmp_path: Path) -> None:
    def append(connection: Connection) -> None:
        Ledger().append(connection, [one_step("document:a")])

    await database.write(append)
    done = await sign(database, tmp_path / "log")
    assert done.checkpoint is not None
    opened = open_checkpoint(done.checkpoint, read_verifier_keys(tmp_path / "log" / "log.key"))
    await database.write(append)
    records = await database.read(lambda c: records_behind(c, "document:a"))
    (evidence,) = await database.read(lambda c: prove_records(c, [(1, records[1])], opened))
    assert evidence.proof.leaf_index == 0
    with pytest.raises(NotProven, match="record 2 is not in the log of 1 records"):
        await database.read(lambda c: prove_records(c, records.items(), opened))
    with pytest.raises(NotProven):
        await database.read(lambda c: prove_records(c, [(1, records[1] + b" ")], opened))
