"""Documents are listed and found in the same way whatever the store is."""

from __future__ import annotations

import pytest

from lineal.store.connection import Connection
from lineal_catalog.documents.queries import UnknownDocument, find_document, list_documents


@pytest.fixture
def filled(connection: Connection) -> Connection:
    """Three documents, the newest last; ids that the rules of no language sort as bytes do."""
    for number, (document_id, name) in enumerate(
        [("aB-1", "one.pdf"), ("ab-2", "two.pdf"), ("aé-3", "two.pdf")]
    ):
        connection.execute(
            "INSERT INTO registry (document_id, tenant, name, registered) VALUES (?, ?, ?, ?)",
            (document_id, "default", name, number),
        )
        for owner in ("ann", "bob")[: number + 1]:
            connection.execute(
                "INSERT INTO ownership VALUES (?, ?, ?)", (document_id, owner, number)
            )
        connection.execute("INSERT INTO labels VALUES (?, ?, ?)", (document_id, "n", f"{number}"))
    connection.execute(
        "INSERT INTO operations (document_id, status, stage, facts, started, updated) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        ("ab-2", "indexed", "index", '{"pages": 3}', 5, 6),
    )
    return connection


def test_documents_are_listed_newest_first(filled: Connection) -> None:
    found = list_documents(filled)
    assert [document.document_id for document in found] == ["aé-3", "ab-2", "aB-1"]
    assert [document.status for document in found] == ["registered", "indexed", "registered"]
    assert (found[1].pages, found[1].owners, found[1].updated) == (3, ("ann", "bob"), 6)


def test_what_is_listed_can_be_narrowed(filled: Connection) -> None:
    def ids(**narrowed: object) -> list[str]:
        return [document.document_id for document in list_documents(filled, **narrowed)]  # type: ignore[arg-type]

    assert ids(status="indexed") == ["ab-2"]
    assert ids(owner="bob") == ["aé-3", "ab-2"]
    assert ids(owner="bob", labels={"n": "2"}) == ["aé-3"]
    assert ids(limit=2) == ["aé-3", "ab-2"]


def test_a_document_is_found_by_the_beginning_of_its_id_or_by_its_name(filled: Connection) -> None:
    assert find_document(filled, "aB").name == "one.pdf"
    assert find_document(filled, "aé-").document_id == "aé-3"
    assert find_document(filled, "one.pdf").document_id == "aB-1"
    for wanted in ("a", "two.pdf", "A", "b", "%"):
        with pytest.raises(UnknownDocument):
            find_document(filled, wanted)


def test_a_document_is_found_by_every_name_it_arrived_under(filled: Connection) -> None:
    filled.execute(
        "INSERT INTO arrivals VALUES (?, ?, ?, ?, ?)", ("aB-1", "event", "copy.pdf", "file:", 9)
    )
    assert find_document(filled, "copy.pdf").document_id == "aB-1"


def test_of_several_documents_of_one_name_the_ids_are_listed(filled: Connection) -> None:
    with pytest.raises(UnknownDocument, match=r"newest first: aé-3, ab-2$"):
        find_document(filled, "two.pdf")
