"""A source that was deleted: the catalog knows of it from the ledger."""

from __future__ import annotations

import pytest

from lineal.lineage.rebuild import rebuild
from lineal.store.connection import Connection
from lineal.testing import StageHarness
from lineal_catalog.search.entries import SearchPage, replace_document, search
from lineal_consumers.register.stage import register
from lineal_schemas.documents import DocumentArrived, DocumentSourceDeleted
from lineal_schemas.objects import ObjectRef

CONTENT = ObjectRef(uri="o", sha256="ab" * 32, bytes=3, media_type="application/pdf")
ARRIVAL = DocumentArrived(name="a", source="file:///a", content=CONTENT, readers=("ben",))


def found(connection: Connection) -> tuple[int, int, int]:
    """How many documents an owner, Ben and Cleo find."""
    replace_document(connection, ARRIVAL.document_id, [SearchPage(1, "turbine")], {})
    owner, ben, cleo = (
        len(search(connection, "turbine", names=names)) for names in (None, ("ben",), ("cleo",))
    )
    return owner, ben, cleo


@pytest.mark.parametrize("hides", [False, True])
async def test_it_is_seen_by_its_readers_until_its_source_is_deleted(hides: bool) -> None:
    async with StageHarness(register) as harness:
        store = harness.runtime.store
        await harness.send(ARRIVAL)
        assert await store.write(found) == (1, 1, 0)
        [record] = harness.records
        deletion = DocumentSourceDeleted(
            document_id=ARRIVAL.document_id,
            source=ARRIVAL.source,
            arrival=record.events_in[0],
            hides=hides,
        )
        await harness.send(deletion)
        expected = (0, 0, 0) if hides else (1, 1, 0)
        assert await store.write(found) == expected
        await store.write(rebuild)
        assert await store.write(found) == expected
        status = await store.read(
            lambda c: c.execute("SELECT status, stage FROM operations").fetchone()
        )
        assert tuple(status) == ("registered", "register")
