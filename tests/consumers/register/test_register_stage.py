"""Arrivals become documents once; what cannot be read is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.stages import Reject
from lineal_consumers.register.stage import register
from lineal_schemas.documents import DocumentArrived, DocumentRegistered
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import payload_bytes
from tests.consumers.context import MemoryContext, event_of, handled

CONTENT = ObjectRef(uri="o", sha256="ab" * 32, bytes=3, media_type="application/pdf")


@pytest.fixture
def ctx(tmp_path: Path) -> MemoryContext:
    return MemoryContext(tmp_path)


async def test_new_bytes_become_a_document(ctx: MemoryContext) -> None:
    arrival = DocumentArrived(name="a b.pdf", source="file:///inbox/a.pdf", content=CONTENT)
    assert await handled(register, event_of(arrival), ctx) == [
        DocumentRegistered(document_id=arrival.document_id, name="a b.pdf", content=CONTENT)
    ]
    assert ctx.attributes["status"] == "registered"


async def test_known_bytes_are_not_registered_again_under_any_name(ctx: MemoryContext) -> None:
    first = DocumentArrived(name="a.pdf", source="file:///inbox/a.pdf", content=CONTENT)
    again = DocumentArrived(name="b.pdf", source="http:upload/b.pdf", content=CONTENT)
    ctx.claimed.add(first.document_id)
    assert await handled(register, event_of(again), ctx) == []
    assert ctx.skipped == "the same bytes are registered already"


async def test_the_same_bytes_of_another_tenant_are_another_document(ctx: MemoryContext) -> None:
    ours = DocumentArrived(name="a.pdf", source="file:///inbox/a.pdf", content=CONTENT)
    theirs = ours.model_copy(update={"tenant": "other"})
    ctx.claimed.add(ours.document_id)
    [made] = await handled(register, event_of(theirs), ctx)
    assert made.document_id != ours.document_id


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
    ctx: MemoryContext, arrival: DocumentArrived, reason: str
) -> None:
    with pytest.raises(Reject, match=reason):
        await handled(register, event_of(arrival), ctx)


@pytest.mark.parametrize("problem", [None, "permission denied"])
async def test_what_a_person_wrote_about_an_arrival_is_kept_apart_from_the_ledger(
    ctx: MemoryContext, problem: str | None
) -> None:
    """The registry is derived from this object, also that of a refused arrival."""
    arrival = DocumentArrived(
        name="a.pdf", source="file:///inbox/a.pdf", owner="ann", content=CONTENT, problem=problem
    )
    if problem is None:
        await handled(register, event_of(arrival), ctx)
    else:
        with pytest.raises(Reject):
            await handled(register, event_of(arrival), ctx)
    assert ctx.objects.roles == [("put", "arrival")]
    assert payload_bytes(arrival) in ctx.objects.stored.values()


def test_registering_is_never_skipped_as_done_already() -> None:
    assert not register.memo
