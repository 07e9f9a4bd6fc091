"""in-toto statements of models, checked by the libraries of in-toto and DSSE."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, Build, digest
from lineal.proof.keys import read_verifier_keys
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.store.objects import put_small_objects, reference
from lineal_schemas.models import ModelRef, ModelTrained
from lineal_schemas.models import Provenance as TrainingProvenance
from lineal_schemas.payload import payload_bytes
from tests.cli.conftest import Lineal
from tests.lineage.records import one_step
from tests.proof.verifying import tampering

WEIGHTS, MANIFEST = b"weights", digest(b"manifest")


def training() -> ModelTrained:
    sha256 = digest(WEIGHTS)
    return ModelTrained(
        name="turbine", model=ModelRef(name="turbine", version=3, sha256=sha256), iteration=2,
        algorithm="pca", artifact=reference(sha256, len(WEIGHTS), "application/x-onnx"),
        dataset=MANIFEST, manifest=reference(MANIFEST, 1, "application/json"),
        parameters={"components": 4},
        provenance=TrainingProvenance(
            seeds={"seed": 7}, threads=1, code_sha256="c" * 64, python="3.11.9",
            platform="x86_64-linux", libraries={"numpy": "2.1"},
        ),
    )  # fmt: skip


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A data folder in which a model was trained, and the log was signed."""
    folder = tmp_path / "data"
    described = payload_bytes(training())
    record = one_step(
        "model:turbine", Build("retrain.train", "1", "a" * 64, "f" * 64),
        kind="train", started=1_764_417_600_000_000,
        inputs=[Artifact(MANIFEST, "application/json", 1, "dataset")],
        outputs=[
            Artifact(digest(WEIGHTS), "application/x-onnx", len(WEIGHTS), "model"),
            Artifact(digest(described), "application/json", len(described), "training"),
        ],
    )  # fmt: skip

    async def fill() -> None:
        async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
            await runtime.store.write(lambda c: put_small_objects(c, [described]))
            await runtime.committer.publish((), lineage_records([record]))

    asyncio.run(fill())
    return folder


@pytest.fixture
def stated(lineal: Lineal, trained: Path) -> Callable[..., Any]:
    """What the command writes of the model, with some more options."""
    return lambda *more: lineal(
        "lineage", "model:turbine", "--format", "in-toto", "--data", trained, *more
    )


def assert_valid(statement: dict[str, Any]) -> Provenance:
    """An unknown field is an error, as is a wrong type or time."""
    said = {"type": statement["_type"], **{k: v for k, v in statement.items() if k != "_type"}}
    Statement.copy_from_pb(ParseDict(said, StatementMessage())).validate()
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    return ParseDict(statement["predicate"], Provenance())


def test_a_model_has_slsa_provenance(stated: Callable[..., Any]) -> None:
    (statement,) = [orjson.loads(line) for line in stated().out.splitlines()]
    provenance = assert_valid(statement)
    (subject,) = statement["subject"]
    assert subject == {"name": "turbine:3", "digest": {"sha256": digest(WEIGHTS)}}
    build = provenance.build_definition
    needed = {item.name: item.digest["sha256"] for item in build.resolved_dependencies}
    assert needed == {"dataset": MANIFEST, "training code": "c" * 64}
    assert build.external_parameters["parameters"]["components"] == 4
    assert build.internal_parameters["seeds"]["seed"] == 7
    assert provenance.run_details.builder.id == "urn:lineal:stage:retrain.train"
    assert provenance.run_details.metadata.started_on.seconds == 1_764_417_600


def key_of(data: Path, envelope: dict[str, Any]) -> SSlibKey:
    (signature,) = envelope["signatures"]
    public = read_verifier_keys(data / "log.key")[-1].public
    return SSlibKey(signature["keyid"], "ed25519", "ed25519", {"public": public.hex()})


def test_a_stranger_checks_the_signature_of_the_log_and_finds_a_change(
    stated: Callable[..., Any], trained: Path
) -> None:
    envelope = orjson.loads(stated("--sign").out)
    key = key_of(trained, envelope)
    opened = Envelope.from_dict(envelope)
    opened.verify([key], 1)
    assert opened.payload_type == "application/vnd.in-toto+json"
    assert_valid(orjson.loads(opened.payload))
    opened.payload = opened.payload.replace(b"turbine", b"pump")
    with pytest.raises(VerificationError):
        opened.verify([key], 1)


def test_without_a_key_nothing_is_signed(stated: Callable[..., Any], trained: Path) -> None:
    (trained / "log.key").unlink()
    answer = stated("--sign")
    assert answer.code == 1
    assert "there is no key" in answer.err


def test_of_an_erased_training_the_record_is_what_is_stated(
    stated: Callable[..., Any], trained: Path
) -> None:
    with tampering(trained) as connection:
        connection.execute("DELETE FROM objects")
    statement = orjson.loads(stated().out)
    assert_valid(statement)
    assert statement["subject"][0] == {
        "name": "model:turbine", "digest": {"sha256": digest(WEIGHTS)},
    }  # fmt: skip


def test_a_changed_training_is_not_attested(stated: Callable[..., Any], trained: Path) -> None:
    with tampering(trained) as connection:
        changed = payload_bytes(training()).replace(b"pca", b"abc")
        connection.execute("UPDATE objects SET data = ?", (changed,))
    answer = stated()
    assert answer.code == 1
    assert "does not have the digest" in answer.err


def test_steps_that_trained_nothing_have_no_statement(lineal: Lineal, filled: Path) -> None:
    answer = lineal("lineage", "note.txt", "--format", "in-toto", "--data", filled)
    assert answer.code == 1
    assert "model:NAME" in answer.err
    assert lineal("lineage", "note.txt", "--sign", "--data", filled).code == 2
