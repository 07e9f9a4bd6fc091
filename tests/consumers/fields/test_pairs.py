"""A document for whose class nothing is declared has the labelled values that it was read with."""

from __future__ import annotations

import pytest

from lineal_consumers.fields.pairs import MAX_FIELDS, field_name, fields_of_pairs
from lineal_schemas.results import Box, Engine, KeyValue, Page, TextResult


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
