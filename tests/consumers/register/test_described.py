"""Tags and labels that people give: the catalog knows of them from the ledger."""

from __future__ import annotations

import pytest

from lineal.access.acts import NotPermitted
from lineal.access.credential import credential_of, owner_credential
from lineal.effects.records import lineage_records
from lineal.lineage.rebuild import rebuild
from lineal.lineage.record import Artifact, digest
from lineal.store.connection import Connection
from lineal.store.objects import put_small_objects
from lineal.testing import StageHarness
from lineal_catalog.documents.describing import UnfitLabel, describe, list_tags
from lineal_catalog.documents.document_filter import DocumentFilter
from lineal_catalog.documents.label_sources import recognize_labels
from lineal_catalog.documents.listing import count_facets
from lineal_catalog.documents.queries import DocumentInfo, find_document, list_documents
from lineal_catalog.search.entries import SearchPage, replace_document, search
from lineal_consumers.register.stage import register
from lineal_schemas.descriptions import (
    DocumentDescribed,
    RecognizedDescription,
    RecognizedLabel,
)
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.objects import ObjectRef
from tests.lineage.records import one_step

CONTENT = ObjectRef(uri="o", sha256="ab" * 32, bytes=3, media_type="application/pdf")
ARRIVAL = DocumentArrived(
    name="a.pdf", source="file:///a", content=CONTENT, labels={"case": "L-1"}, salt="s"
)
ID = ARRIVAL.document_id
OWNER = owner_credential()


def info(connection: Connection) -> DocumentInfo:
    return find_document(connection, ID)


async def test_tags_and_labels_are_given_found_by_and_taken_away() -> None:
    async with StageHarness(register) as harness:
        runtime, store = harness.runtime, harness.runtime.store

        async def say(**said: object) -> DocumentInfo:
            await describe(runtime, [ID], OWNER, "test", **said)  # type: ignore[arg-type]
            await harness.handle_published()
            return await store.read(info)

        await harness.send(ARRIVAL)
        labels = {"correspondent": "Acme", "date": "2026-03-31"}
        known = await say(add=("tax", "2026"), labels=labels)
        assert (known.tags, known.status) == (("2026", "tax"), "registered")
        assert known.labels == {"case": "L-1", **labels}
        assert known.to_dict()["tags"] == ["2026", "tax"]

        def found(connection: Connection) -> list[int]:
            replace_document(connection, ID, [SearchPage(1, "turbine")], {})
            return [
                len(list_documents(connection, tags=("tax", "2026"))),
                len(list_documents(connection, tags=("tax", "new"))),
                len(list_documents(connection, tags=("case",))),  # a label with a value
                len(search(connection, "turbine", filters={"tag": "tax"})),
                len(search(connection, "turbine", filters={"tag": "case"})),
                len(search(connection, "turbine", filters={"correspondent": "Acme"})),
            ]

        assert await store.write(found) == [1, 0, 0, 1, 0, 1]
        counted = await store.read(lambda c: count_facets(c, DocumentFilter())["tag"])
        assert counted == await store.read(list_tags) == [("2026", 1), ("tax", 1)]

        known = await say(remove=("tax", "never"), add=("2026",), labels={"correspondent": ""})
        assert known.tags == ("2026",)
        assert known.labels == {"case": "L-1", "date": "2026-03-31"}

        # Made again of the ledger, it is the same.
        await store.write(rebuild)
        assert await store.read(info) == known


async def test_what_means_something_else_is_no_label() -> None:
    async with StageHarness(register) as harness:
        await harness.send(ARRIVAL)
        for said, why in (
            ({"labels": {"class": "invoice"}}, "type="),
            ({"labels": {"date": "31.3.2026"}}, "2026-03-31"),
            ({"add": ("case",)}, "case=L-1"),
            ({}, "name tags"),
            ({"add": ("a",), "remove": ("a",)}, "both added and removed"),
            ({"add": ("a=b",)}, "pattern"),
            ({"labels": {"a b": "c"}}, "pattern"),
        ):
            with pytest.raises(ValueError, match=why):
                await describe(harness.runtime, [ID], OWNER, "test", **said)
        reader = credential_of("user:r", "reader")
        with pytest.raises(NotPermitted):
            await describe(harness.runtime, [ID], reader, "test", add=("a",))
        assert issubclass(UnfitLabel, ValueError)
        assert harness.outputs(DocumentDescribed) == []


async def test_what_is_recognised_never_replaces_what_a_person_said() -> None:
    async with StageHarness(register) as harness:
        runtime, store = harness.runtime, harness.runtime.store
        await harness.send(ARRIVAL)

        async def recognized(**found: str) -> DocumentInfo:
            """As a step of the stage that recognises leaves it in the ledger."""
            labels = {
                key: RecognizedLabel(
                    value=value, source="learnt", confidence=0.9, examples=("taught",)
                )
                for key, value in found.items()
            }
            data = RecognizedDescription(labels=labels).model_dump_json().encode()
            await store.write(lambda c: put_small_objects(c, [data]))
            made = [Artifact(digest(data), "application/json", len(data), "recognized")]
            step = one_step(f"document:{ID}", outputs=made)
            await runtime.committer.publish((), lineage_records([step]))
            await runtime.flush_ledger()
            return await store.read(info)

        known = await recognized(correspondent="Acme", date="2026-03-31", case="L-9")
        assert known.labels == {"case": "L-1", "correspondent": "Acme", "date": "2026-03-31"}
        assert known.label_sources["correspondent"] == ("learnt", None, 0.9, ("taught",))
        found = await store.read(lambda c: list_documents(c, labels={"correspondent": "Acme"}))
        assert [one.document_id for one in found] == [ID]

        said = {"correspondent": "Bolt", "date": ""}
        await describe(runtime, [ID], OWNER, "test", labels=said)
        await harness.handle_published()
        known = await recognized(correspondent="Acme", date="2026-03-31")
        assert known.labels == {"case": "L-1", "correspondent": "Bolt"}
        assert known.label_sources["correspondent"].source == "person"
        assert known.label_sources["correspondent"].corrected_by == OWNER.actor
        await store.write(rebuild)
        assert await store.read(info) == known


async def test_what_is_not_recognised_any_more_goes() -> None:
    async with StageHarness(register) as harness:
        await harness.send(ARRIVAL)

        def change(connection: Connection) -> list[DocumentInfo]:
            found = {"value": "2026-03-31", "source": "place", "confidence": 0.7}
            recognize_labels(connection, ID, {"date": found})
            before = info(connection)
            recognize_labels(connection, ID, {})
            return [before, info(connection)]

        before, after = await harness.runtime.store.write(change)
        assert before.labels == {"case": "L-1", "date": "2026-03-31"}
        assert (after.labels, after.label_sources) == ({"case": "L-1"}, {})
