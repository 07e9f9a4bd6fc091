"""The exported schemas are right, complete and the same every time."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from lineal_schemas.documents import DocumentArrived, DocumentClassified, PageRange
from lineal_schemas.envelope import first_event
from lineal_schemas.export import (
    Schema,
    committed_folder,
    export,
    lineal_payloads,
    read_folder,
    render,
    write_folder,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.results import Engine, Page, TextResult, Word

REF = ObjectRef(uri="object:x", sha256="ab" * 32, bytes=3, media_type="application/pdf")
ARRIVED = DocumentArrived(name="a.pdf", source="file:///a.pdf", content=REF)


@cache
def published() -> dict[tuple[str, int], Schema]:
    """The schemas of all our models."""
    return export()


def valid(name: str, instance: Any) -> None:
    Draft202012Validator(published()[name, 1]).validate(instance)


def test_every_document_event_the_envelope_and_the_results_are_published() -> None:
    names = {type for type, _ in published()}
    assert {
        "document.arrived", "document.registered", "document.classified",
        "document.part_requested", "document.part_extracted", "document.text_extracted",
        "document.review_requested", "document.analyzed", "document.indexed",
        "lineal.dead_letter", "envelope", "text_result", "analysis",
    } <= names  # fmt: skip
    assert names >= lineal_payloads().keys()


def test_each_is_a_2020_12_schema_named_by_its_dataschema() -> None:
    for (type, version), schema in published().items():
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$id"] == f"urn:lineal:schema:{type}:{version}"
    assert [name for name, schema in published().items() if not schema["title"]] == []
    assert [name for name, schema in published().items() if not schema["description"]] == []


def test_our_events_fit_the_published_schemas() -> None:
    event = first_event(ARRIVED, id="1", source="lineal/folder")
    fields = json.loads(event.to_json())
    valid("envelope", fields)
    valid("document.arrived", fields["data"])
    assert fields["dataschema"] == published()["document.arrived", 1]["$id"]
    classified = DocumentClassified(
        document_id="d", name="a", content=REF, kind="pdf", pages=3,
        plan=(PageRange(first=1, last=3, method="ocr"),),
    )  # fmt: skip
    valid("document.classified", classified.model_dump(mode="json"))
    page = Page(
        number=1, begin=0, end=2, width=595, height=842, source="ocr",
        words=(Word(0, 2, 0.9, 0.1, 0.1, 0.2, 0.05, 0),),
    )  # fmt: skip
    result = TextResult(engines=(Engine(name="e", version="1"),), text="hi", pages=(page,))
    valid("text_result", json.loads(result.model_dump_json()))


def test_an_emitter_may_leave_defaults_out_and_add_fields() -> None:
    valid("document.arrived", {"name": "a", "source": "http:upload/a", "unheard-of": 1})
    valid("envelope", {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "more": "x"})


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("document.arrived", {"name": "a"}),
        ("document.arrived", {"name": "a", "source": "s", "labels": {"k": 1}}),
        ("document.arrived", {"name": "a", "source": "s", "content": {"uri": "u"}}),
        ("document.indexed", {"document_id": "d", "pages": -1}),
        ("envelope", {"specversion": "0.3", "id": "1", "source": "s", "type": "t"}),
        ("envelope", {"specversion": "1.0", "source": "s", "type": "t"}),
    ],
)
def test_what_our_readers_refuse_the_schemas_refuse(name: str, instance: Any) -> None:
    with pytest.raises(ValidationError):
        valid(name, instance)


def test_fields_carry_the_words_of_the_source() -> None:
    problem = published()["document.arrived", 1]["properties"]["problem"]
    assert problem["description"].startswith("Why there is no content")
    result = published()["document.text_extracted", 1]["properties"]["result"]
    assert result["description"] == "Gzipped JSON of a lineal_schemas.results.TextResult."


def test_the_export_does_not_depend_on_the_order_of_registration() -> None:
    models = list(lineal_payloads().items())
    random.Random(1).shuffle(models)
    again = export(dict(models))
    assert list(again) == list(published())
    assert {name: render(schema) for name, schema in again.items()} == {
        name: render(schema) for name, schema in published().items()
    }


def test_writing_touches_only_what_changed(tmp_path: Path) -> None:
    older = tmp_path / "document.arrived.v0.json"
    older.write_text("{}")
    assert len(write_folder(tmp_path, published())) == len(published())
    assert write_folder(tmp_path, published()) == []
    arrived = tmp_path / "document.arrived.v1.json"
    arrived.write_text("{}")
    assert write_folder(tmp_path, published()) == [arrived]
    assert older.read_text() == "{}"


def test_only_schema_files_are_read(tmp_path: Path) -> None:
    for name in ("a.b.v2.json", "a.b.v3.json", "a.b.vx.json", "readme.json", ".v1.json"):
        (tmp_path / name).write_text("{}")
    assert sorted(read_folder(tmp_path)) == [("a.b", 2), ("a.b", 3)]


def test_the_published_schemas_are_found() -> None:
    assert ("document.arrived", 1) in read_folder(committed_folder())
