"""Notes inside FHIR are attachments, labelled with whom they are about."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_consumers.ocr.attachments.config import AttachmentsConfig
from lineal_consumers.ocr.attachments.readers import may_have_attachments, unpack

NOTE = {"contentType": "text/plain", "data": base64.b64encode(b"No fever.").decode()}


def reference(**attachment: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "n1",
        "subject": {"reference": "Patient/7"},
        "content": [{"attachment": attachment}],
    }


@pytest.mark.parametrize(
    "data",
    [
        orjson.dumps(reference(**NOTE)),
        orjson.dumps(reference(**NOTE), option=orjson.OPT_INDENT_2),
        orjson.dumps({"resourceType": "Bundle", "entry": [{"resource": reference(**NOTE)}]}),
        orjson.dumps({"resourceType": "Patient", "id": "7"}) + b"\n" + orjson.dumps(
            reference(**NOTE)
        ),
        orjson.dumps(reference(**NOTE)) + b"\nno json\n[1]\n",
    ],
)  # fmt: skip
def test_notes_are_unpacked(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "notes.json"
    path.write_bytes(data)
    seen = inspect_file(path, path.name, ClassifyConfig())
    assert (seen.kind, seen.media_type) == ("text", "application/fhir+json")
    assert may_have_attachments(seen.kind, seen.media_type)
    [note], more = unpack(str(path), "text", 0, AttachmentsConfig())
    assert (note.name, note.data, dict(note.labels)) == (
        "n1.txt", b"No fever.", {"patient": "Patient/7"},
    )  # fmt: skip
    assert not more


@pytest.mark.parametrize(
    ("attachment", "problem"),
    [
        ({"url": "Binary/1"}, "not fetched"),
        ({"data": "?"}, "no base64"),
        ({"data": base64.b64encode(bytes(200)).decode()}, "too large"),
    ],
)
def test_a_note_that_cannot_be_had_says_why(
    tmp_path: Path, attachment: dict[str, str], problem: str
) -> None:
    path = tmp_path / "note.json"
    path.write_bytes(orjson.dumps(reference(**attachment)))
    [note], _ = unpack(str(path), "text", 0, AttachmentsConfig(file_bytes=100))
    assert note.problem is not None
    assert problem in note.problem


@pytest.mark.parametrize(
    "data", [b'{"a": 1}', b"name,resourceType\nx,y\n", b'[{"DocumentReference": []}]', b"{ broken"]
)
def test_other_texts_are_read_as_before(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    seen = inspect_file(path, path.name, ClassifyConfig())
    assert not may_have_attachments(seen.kind, seen.media_type)
