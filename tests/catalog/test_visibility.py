"""Who finds a document, by the access lists of its sources, and what deleted sources hide."""

from __future__ import annotations

from lineal.store.connection import Connection
from lineal_catalog.documents.queries import list_documents
from lineal_catalog.documents.visibility import restrict_source, withdraw_arrivals
from lineal_catalog.search.entries import SearchPage, replace_document, search


def document(
    connection: Connection, name: str, *readers: str, source: str | None = None, open: bool = False
) -> None:
    """A document that has arrived: open to all, or to these readers only."""
    where = source or f"file:///{name}"
    connection.execute(
        "INSERT INTO registry VALUES (?, 'default', ?, NULL, NULL, NULL, 1) ON CONFLICT DO NOTHING",
        (name, name),
    )
    connection.execute(
        "INSERT INTO arrivals VALUES (?, ?, ?, ?, 1)", (name, f"{name} {where}", name, where)
    )
    restrict_source(connection, name, where, None if open else readers)
    replace_document(connection, name, [SearchPage(1, "turbine")], {})


def found(connection: Connection, *names: str) -> list[str]:
    """What somebody of these names finds by searching; an owner of the installation without any.
    The list of documents shows the same."""
    who = names or None
    hits = sorted(hit.document_id for hit in search(connection, "turbine", names=who))
    listed = sorted(item.document_id for item in list_documents(connection, names=who))
    assert hits == listed or not names
    return hits


def test_an_access_list_names_who_finds_a_document_beside_its_owners(
    connection: Connection,
) -> None:
    document(connection, "all", open=True)
    document(connection, "ben's", "ben")
    document(connection, "nobody's")
    connection.execute("INSERT INTO ownership VALUES (?, ?, 1)", ("nobody's", "anna"))
    assert found(connection) == ["all", "ben's", "nobody's"]
    assert found(connection, "user:ben", "ben") == ["all", "ben's"]
    assert found(connection, "user:anna", "anna") == ["all", "nobody's"]
    assert found(connection, "token:x") == ["all"]


def test_a_new_list_of_a_source_takes_the_place_of_the_one_before(connection: Connection) -> None:
    document(connection, "d", "ben")
    restrict_source(connection, "d", "file:///d", ["cleo"])
    assert found(connection, "ben") == []
    assert found(connection, "cleo") == ["d"]
    document(connection, "d", source="http:upload/d", open=True)
    assert found(connection, "ben") == ["d"]


def test_who_sees_a_mail_sees_what_is_attached_to_it_however_deep(connection: Connection) -> None:
    document(connection, "mail", "ben")
    document(connection, "zip", source="document:mail/1", open=True)
    document(connection, "pdf", source="document:zip/1", open=True)
    for parent, attached in (("mail", "zip"), ("zip", "pdf"), ("pdf", "mail")):
        connection.execute("INSERT INTO attachments VALUES (?, ?, 1)", (parent, attached))
    assert found(connection, "ben") == ["mail", "pdf", "zip"]
    assert found(connection, "cleo") == []


def test_a_deleted_source_hides_a_document_that_has_no_other(connection: Connection) -> None:
    document(connection, "marked", open=True)
    document(connection, "hidden", open=True)
    document(connection, "twice", open=True)
    document(connection, "twice", source="http:upload/twice", open=True)
    for name in ("marked", "hidden", "twice"):
        deletion = {
            "source": f"file:///{name}", "arrival": f"{name} file:///{name}",
            "hides": name != "marked",
        }  # fmt: skip
        withdraw_arrivals(connection, name, deletion)
    hits = [hit.document_id for hit in search(connection, "turbine")]
    assert sorted(hits) == ["marked", "twice"]
    document(connection, "hidden", source="file:///back", open=True)
    assert "hidden" in found(connection)
