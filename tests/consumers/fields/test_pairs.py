"""A document for whose class nothing is declared has the labelled values that it was read with."""

from __future__ import annotations

import pytest

from lineal.testing import StageHarness
from lineal_consumers.fields.pairs import MAX_FIELDS, field_name, fields_of_pairs
from lineal_consumers.fields.stage import fields
from lineal_schemas.documents import DocumentAnalyzed
from lineal_schemas.fields import DocumentFieldsExtracted
from lineal_schemas.results import (
    Analysis,
    Box,
    DocumentClass,
    Engine,
    KeyValue,
    Page,
    TextResult,
)


def read(*pages: list[KeyValue]) -> bytes:
    return TextResult(
        engines=(Engine(name="t", version="1"),),
        text="",
        pages=tuple(
            Page(
                number=number, begin=0, end=0, width=1, height=1, source="ocr",
                key_values=tuple(pairs),
            )
            for number, pairs in enumerate(pages, 1)
        ),
    ).to_gzip()  # fmt: skip


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Kd.-Nr.:", "kd_nr"),
        ("Fällig am", "fallig_am"),
        ("2. Address line", "address_line"),
        ("№ 5", "no_5"),
        ("住所", None),
        ("x" * 80, "x" * 64),
    ],
)
def test_a_label_is_the_name_of_a_field(label: str, name: str | None) -> None:
    assert field_name(label) == name


def test_each_label_counts_once_and_what_a_person_says_goes_before_it() -> None:
    place = Box(0.5, 0.25, 0.25, 0.01)
    found = fields_of_pairs(
        read(
            [
                KeyValue(key="Holder:", value="Ann", confidence=0.8, value_box=place),
                KeyValue(key="Branch", value=" ", confidence=0.8),
                KeyValue(key="Sort code", value="1O-20", confidence=0.5),
            ],
            [
                KeyValue(key="holder", value="Bob", confidence=0.9),
                KeyValue(key="sort_code", value="10-20", confidence=1.0, reviewed=True),
            ],
        ),
        "other",
    )
    holder, code = found.fields
    assert (holder.name, holder.value, holder.confidence, holder.source) == (
        "holder", "Ann", 0.8, "label",
    )  # fmt: skip
    assert holder.box is not None
    assert (holder.box.page, holder.box.left) == (1, 0.5)
    assert (code.name, code.value, code.source) == ("sort_code", "10-20", "person")


def test_a_document_of_labels_alone_does_not_have_them_without_end() -> None:
    pairs = [KeyValue(key=f"label {n}", value="v", confidence=1.0) for n in range(MAX_FIELDS + 5)]
    assert len(fields_of_pairs(read(pairs), "other").fields) == MAX_FIELDS


async def _extracted(harness: StageHarness, name: str, *, reviewed: bool) -> list[dict[str, str]]:
    said = DocumentClass(name=name, confidence=1.0, reviewed=reviewed)
    analysis = Analysis(
        language="en", language_confidence=1, key_phrases=(), entities=(), document_class=said
    )
    analyzed = DocumentAnalyzed(
        document_id="d",
        text=await harness.put(b"", "text/plain"),
        result=await harness.put(read([]), "application/gzip"),
        analysis=await harness.put(analysis.to_gzip(), "application/gzip"),
        language="en", document_class=name, class_confidence=1.0, personal_data=False,
    )  # fmt: skip
    made = await harness.send(analyzed)
    return [dict(one.values) for one in made if isinstance(one, DocumentFieldsExtracted)]


async def test_fields_of_a_class_that_a_person_denies_are_the_document_s_no_longer() -> None:
    async with StageHarness(fields) as harness:
        assert await _extracted(harness, "letter", reviewed=False) == []
        assert await _extracted(harness, "letter", reviewed=True) == [{}]
