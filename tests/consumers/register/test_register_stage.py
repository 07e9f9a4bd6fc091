"""Arrivals become documents once; what cannot be read is refused with its reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256

import pytest

from lineal.testing import StageHarness
from lineal_consumers.register.stage import register
from lineal_schemas.documents import DocumentArrived, DocumentRegistered
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import payload_bytes

CONTENT = ObjectRef(uri="o", sha256="ab" * 32, bytes=3, media_type="application/pdf")


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    async with StageHarness(register) as opened:
        yield opened


async def test_new_bytes_become_a_document(harness: StageHarness) -> None:
    arrival = DocumentArrived(name="a b.pdf", source="file:///inbox/a.pdf", content=CONTENT)
    assert await harness.send(arrival) == [
        DocumentRegistered(document_id=arrival.document_id, name="a b.pdf", content=CONTENT)
    ]
    assert harness.records[-1].attributes["status"] == "registered"


async def test_known_bytes_are_not_registered_again_under_any_name(harness: StageHarness) -> None:
    await harness.send(DocumentArrived(name="a.pdf", source="file:///a.pdf", content=CONTENT))
    again = DocumentArrived(name="b.pdf", source="http:upload/b.pdf", content=CONTENT)
    assert await harness.send(again) == []
    assert harness.records[-1].reason == "the same bytes are registered already"


async def test_the_same_bytes_of_another_tenant_are_another_document(
    harness: StageHarness,
) -> None:
    ours = DocumentArrived(name="a.pdf", source="file:///inbox/a.pdf", content=CONTENT)
    await harness.send(ours)
    await harness.send(ours.model_copy(update={"tenant": "other"}))
    first, second = harness.outputs(DocumentRegistered)
    assert first.document_id != second.document_id


@pytest.mark.parametrize(
    ("arrival", "reason"),
    [
        (
            DocumentArrived(name="a", source="file:///inbox/a", problem="permission denied"),
            "permission denied",
        ),
        (DocumentArrived(name="a", source="file:///inbox/a"), "no content"),
    ],
)
async def test_an_arrival_without_bytes_is_refused_with_its_reason(
    harness: StageHarness, arrival: DocumentArrived, reason: str
) -> None:
    assert await harness.send(arrival) == []
    [letter] = harness.dead_letters
    assert letter.error_class == "Reject"
    assert reason in letter.message


@pytest.mark.parametrize("problem", [None, "permission denied"])
async def test_what_a_person_wrote_about_an_arrival_is_kept_apart_from_the_ledger(
    harness: StageHarness, problem: str | None
) -> None:
    """The registry is derived from this object, also that of a refused arrival."""
    arrival = DocumentArrived(
        name="a.pdf", source="file:///inbox/a.pdf", owner="ann", content=CONTENT, problem=problem
    )
    await harness.send(arrival)
    [kept] = [item for item in harness.records[-1].outputs if item.role == "arrival"]
    assert kept.sha256 == sha256(payload_bytes(arrival)).hexdigest()
    assert "ann" not in repr(harness.records[-1])


def test_registering_is_never_skipped_as_done_already() -> None:
    assert not register.memo
