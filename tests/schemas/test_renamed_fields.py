"""Events of versions whose fields had other names are read as those of today."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lineal_schemas.documents import DocumentPartExtracted, DocumentPartRequested
from lineal_schemas.failures import DeadLetter
from lineal_schemas.models import (
    EvaluationTarget,
    ModelDataset,
    ModelEvaluated,
    ModelPromoted,
    ModelRef,
    ModelTrainingRequested,
)
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload, parse_payload, payload_bytes

MODEL = {"name": "pump", "version": 2, "sha256": "a" * 64}
FILE = {"uri": "file:a", "sha256": "a" * 64, "bytes": 3, "media_type": "application/onnx"}
TARGET = {"model": MODEL, "artifact": FILE, "iteration": 1}
EVALUATION = {
    "name": "pump", "model": MODEL, "iteration": 1, "dataset": "b" * 64, "metrics": {"f1": 0.9},
    "passed": True,
}  # fmt: skip
PROMOTION = {"name": "pump", "model": MODEL, "by": "ann", "counter": 3, "artifact": FILE}
DATASET = {
    "name": "pump", "iteration": 1, "dataset": "b" * 64, "manifest": FILE, "case": "nothing_new",
    "train_items": 4, "test_items": 2,
}  # fmt: skip
LETTER = {
    "group": "ocr", "topic": "t", "partition": 0, "offset": 7, "event": "{}", "key": "k",
    "error_class": "OSError", "message": "no", "attempts": 5,
}  # fmt: skip
REQUEST = {"name": "pump", "requested_us": 1}

FORMER: list[tuple[type[Payload], dict[str, Any], dict[str, Any]]] = [
    (ModelTrainingRequested, REQUEST | {"cause": "hand", "judge": TARGET},
     REQUEST | {"cause": "manual", "evaluate": TARGET}),
    (ModelTrainingRequested, REQUEST | {"cause": "drift"}, REQUEST | {"cause": "drift"}),
    (ModelDataset, DATASET | {"judge": TARGET}, DATASET | {"evaluate": TARGET}),
    (ModelDataset, DATASET, DATASET),
    (ModelEvaluated, EVALUATION | {"asked_by": "e-1"}, EVALUATION | {"requested_by": "e-1"}),
    (ModelEvaluated, EVALUATION, EVALUATION),
    (ModelPromoted, PROMOTION | {"how": "hand"}, PROMOTION | {"how": "manual"}),
    (ModelPromoted, PROMOTION | {"how": "gates"}, PROMOTION | {"how": "gates"}),
    (DeadLetter, LETTER | {"story_of": "order:1"}, LETTER | {"correlation_id": "order:1"}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "former", "present"), FORMER)
def test_a_former_version_is_read_as_the_present_one(
    model: type[Payload], former: dict[str, Any], present: dict[str, Any]
) -> None:
    read = parse_payload(model.type, 1, json.dumps(former).encode())
    assert read == model.model_validate(present)
    assert read == parse_payload(model.type, 2, json.dumps(present).encode())


def test_what_was_to_be_judged_is_to_be_evaluated() -> None:
    data = json.dumps(REQUEST | {"cause": "hand", "judge": TARGET}).encode()
    request = parse_payload("model.training_requested", 1, data)
    assert isinstance(request, ModelTrainingRequested)
    assert isinstance(request.evaluate, EvaluationTarget)
    assert request.evaluate.model == ModelRef(name="pump", version=2, sha256="a" * 64)


PART = {"index": 1, "count": 3, "document_id": "d", "content": FILE, "kind": "pdf",
        "pages": {"first": 1, "last": 2, "method": "parse"}}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "object_name"), [(DocumentPartRequested, "plan"), (DocumentPartExtracted, "result")]
)
def test_a_part_of_a_document_names_its_group(model: type[Payload], object_name: str) -> None:
    fields = PART | {object_name: FILE}
    former = parse_payload(model.type, 1, json.dumps(fields | {"whole": "g"}).encode())
    present = parse_payload(model.type, 2, json.dumps(fields | {"group_id": "g"}).encode())
    assert former == present
    assert json.loads(payload_bytes(former))["group_id"] == "g"
    assert "whole" not in json.loads(payload_bytes(former))


def test_the_parts_of_users_keep_the_field_that_they_published() -> None:
    class Slice(Part, type="test.slice", version=1):
        value: int

    slice = Slice(group_id="g", index=0, count=1, value=7)
    data = payload_bytes(slice)
    assert json.loads(data) == {"whole": "g", "index": 0, "count": 1, "value": 7}
    assert parse_payload("test.slice", 1, data) == slice == Slice.model_validate_json(data)
    with pytest.warns(DeprecationWarning, match="group_id"):
        assert slice.whole == "g"
