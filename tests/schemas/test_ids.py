"""Ids are derived: the same cause has the same id in every release, different causes never."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_schemas import ids

SHA = "ab" * 32
NAMESPACE = uuid.UUID("6b0e6d0a-5c1f-5e0b-9d0c-7c8b8f3a2e11")
TEXT = st.text(alphabet="a\n1:", max_size=4)


@pytest.mark.parametrize(
    ("made", "golden"),
    [
        (ids.document_id("default", SHA), "851d3df9-8d47-5b80-a81c-432512fbabd4"),
        (
            ids.output_id("e1", "ocr", "1", "document.part_extracted", 0),
            "df273454-9f9f-5cee-85fe-33108ae25207",
        ),
        (ids.cause_id("e1", ids.source_mark("e1", "shop")), "dc2c8401-ad4e-5449-a68b-9d03499eeedc"),
        (ids.arrival_id("file:///inbox/a.pdf", SHA, "17"), "84b0d6c4-6667-54a1-b938-d0499955d642"),
        (
            ids.rejected_document_id("default", "file:///inbox/a", "unreadable"),
            "0a9c0c39-cbe3-5994-bd95-69f444e85ff1",
        ),
    ],
)
def test_ids_never_change_between_releases(made: str, golden: str) -> None:
    assert made == golden


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 10**6))
def test_ids_are_version_5_uuids_of_the_standard_library(event: str, ordinal: int) -> None:
    made = ids.output_id(event, "nlp", "2", "document.analyzed", ordinal)
    name = f"output\n{event}\nnlp\n2\ndocument.analyzed\n{ordinal}"
    assert made == str(uuid.uuid5(NAMESPACE, name))


def test_a_uuid_tells_an_event_from_those_of_other_sources() -> None:
    event = str(uuid.uuid4())
    assert ids.source_mark(event, "shop") is None
    assert ids.cause_id(event, None) == event


@pytest.mark.parametrize(
    "changed",
    [
        ("e2", "ocr", "1", "document.analyzed", 0),
        ("e1", "nlp", "1", "document.analyzed", 0),
        ("e1", "ocr", "2", "document.analyzed", 0),
        ("e1", "ocr", "1", "document.indexed", 0),
        ("e1", "ocr", "1", "document.analyzed", 1),
    ],
)
def test_every_part_of_the_cause_counts(changed: tuple[str, str, str, str, int]) -> None:
    assert ids.output_id(*changed) != ids.output_id("e1", "ocr", "1", "document.analyzed", 0)


def test_the_same_bytes_are_two_documents_for_two_tenants() -> None:
    assert ids.document_id("a", SHA) != ids.document_id("b", SHA)


@given(st.tuples(TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT))
def test_no_two_refused_arrivals_share_an_id(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    same = ids.rejected_document_id(*one) == ids.rejected_document_id(*other)
    assert same == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("t", "a\nb", "c"), ("t", "a", "b\nc")), (("t\na", "b", "c"), ("t", "a\nb", "c"))],
)
def test_a_line_break_does_not_move_text_from_one_part_to_another(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert ids.rejected_document_id(*one) != ids.rejected_document_id(*other)
    assert ids.arrival_id(one[1], f"{SHA}\n{SHA}", "1") != ids.arrival_id(
        f"{one[1]}\n{SHA}", SHA, "1"
    )
