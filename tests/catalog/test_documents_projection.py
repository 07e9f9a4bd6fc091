"""The metadata tables say what the records say, and can be made again from them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.lineage.ledger import Ledger
from lineal.lineage.projections import projected_tables
from lineal.lineage.rebuild import rebuild
from lineal.lineage.record import Artifact, Build
from lineal.store.connection import Connection
from lineal_catalog.documents.queries import attachments_of, find_document, parents_of
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import payload_bytes
from tests.lineage.records import one_step
from tests.store.stores import NewConnection

_DERIVED = [table.name for table in projected_tables(derived=True)]


class Story:
    """Writes the records of a document as stages would."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.time = 1000

    def record(self, stage: str = "nlp", document: str = "d", **fields: Any) -> None:
        self.time += 10
        Ledger().append(
            self.connection,
            [
                one_step(
                    f"document:{document}",
                    Build(stage, "1", "", ""),
                    started=self.time,
                    worked=5,
                    **fields,
                )
            ],
        )

    def arrive(
        self, document: str = "d", name: str = "a.pdf", owner: str | None = None,
        labels: dict[str, str] | None = None, parent: str | None = None, **fields: Any,
    ) -> None:  # fmt: skip
        content = ObjectRef(uri="x:y", sha256="ab" * 32, bytes=7, media_type="application/pdf")
        arrival = payload_bytes(
            DocumentArrived(
                name=name, source=f"file:{name}", owner=owner, labels=labels or {}, content=content,
                parent=parent,
            )
        )  # fmt: skip
        digest = sha256(arrival)
        self.connection.execute(
            "INSERT INTO objects VALUES (?, ?) ON CONFLICT DO NOTHING", (digest.digest(), arrival)
        )
        output = Artifact(digest.hexdigest(), "application/json", len(arrival), "arrival")
        fields.setdefault("attributes", {"status": "registered"})
        self.record(
            "register", document, outputs=[output], events_in=[f"arrival {self.time}"], **fields
        )

    def status(self, document: str = "d") -> str:
        return find_document(self.connection, document).status


@pytest.fixture
def story(connection: Connection) -> Story:
    return Story(connection)


def tables(connection: Connection) -> dict[str, list[Any]]:
    found = {name: list(connection.execute(f"SELECT * FROM {name}")) for name in _DERIVED}
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def test_a_document_goes_from_registered_to_indexed(story: Story) -> None:
    story.arrive(owner="ann", labels={"year": "2024"})
    assert story.status() == "registered"
    story.record("classify", attributes={"pages": 3})
    assert story.status() == "processing"
    story.record("index", attributes={"status": "indexed"})
    document = find_document(story.connection, "d")
    assert (document.status, document.stage, document.pages) == ("indexed", "index", 3)
    assert (document.name, document.owner, document.labels) == ("a.pdf", "ann", {"year": "2024"})
    assert (document.registered, document.updated) == (1010, 1035)


def test_every_arrival_is_kept_and_the_document_is_one(story: Story) -> None:
    story.arrive(name="a.pdf", owner="ann", labels={"k": "1", "x": "1"})
    story.record("index", attributes={"status": "indexed"})
    story.arrive(
        name="copy.pdf", owner="bob", labels={"k": "2"}, outcome="skipped",
        attributes={},
    )  # fmt: skip
    document = find_document(story.connection, "d")
    assert (document.name, document.arrivals, document.status) == ("a.pdf", 2, "indexed")
    assert document.owners == ("ann", "bob")
    assert document.labels == {"k": "2", "x": "1"}


def test_attachments_are_found_from_their_parents_and_back(story: Story) -> None:
    story.arrive("mail", name="mail.eml")
    story.arrive("invoice", name="invoice.pdf", parent="mail")
    story.arrive("other", name="other.eml")
    story.arrive("invoice", name="invoice.pdf", parent="other", outcome="skipped", attributes={})
    [found] = attachments_of(story.connection, "mail")
    assert (found.document_id, found.name, found.status) == (
        "invoice",
        "invoice.pdf",
        "registered",
    )
    assert [item.name for item in parents_of(story.connection, "invoice")] == [
        "mail.eml",
        "other.eml",
    ]
    assert parents_of(story.connection, "mail") == []


def test_what_is_attached_belongs_to_whom_the_document_around_it_does(story: Story) -> None:
    story.arrive("mail", owner="ann")
    story.arrive("zip", parent="mail")
    story.arrive("invoice", parent="zip")
    story.arrive("mail", owner="bob", outcome="skipped", attributes={})
    for document in ("mail", "zip", "invoice"):
        assert find_document(story.connection, document).owners == ("ann", "bob")


@pytest.mark.parametrize(
    ("outcome", "fields", "reason"),
    [
        ("rejected", {"reason": "encrypted"}, "encrypted"),
        ("failed", {"error": "OSError"}, "OSError"),
    ],
)
def test_what_failed_stays_so_until_it_is_redriven(
    story: Story, outcome: str, fields: dict[str, str], reason: str
) -> None:
    story.arrive()
    story.record("ocr", outcome=outcome, **fields)
    story.record("ocr", attributes={"pages": 2})  # another part of the same document
    document = find_document(story.connection, "d")
    assert (document.status, document.reason) == (outcome, reason)
    story.record("redrive", kind="redrive", events_in=["letter"])
    document = find_document(story.connection, "d")
    assert (document.status, document.reason) == ("processing", None)
    story.record("index", attributes={"status": "indexed"})
    assert story.status() == "indexed"


def test_dropping_a_dead_letter_and_replaying_change_no_status(story: Story) -> None:
    story.arrive()
    story.record("ocr", outcome="failed", error="OSError")
    story.record("x", kind="drop", events_in=["letter"])
    assert story.status() == "failed"
    story.record("index", attributes={"status": "indexed"})
    story.record("ocr", outcome="memoised")
    story.record("ocr")
    assert story.status() == "indexed"


def test_facts_may_hold_any_text(story: Story) -> None:
    story.arrive()
    story.record("classify", attributes={"class": "a\x00b", "other": '\\u0000 "\U0001f600'})
    story.record("nlp", attributes={"language": "e\u0301n"})
    attributes = find_document(story.connection, "d").attributes
    assert attributes["class"] in ("a\x00b", "a\ufffdb"), "as it is, or as Postgres has it"
    assert attributes["other"].endswith(' "\U0001f600')
    assert attributes["language"] == "e\u0301n"


def test_an_erased_person_stays_erased(story: Story) -> None:
    story.arrive(name="ann.pdf", owner="ann")
    story.connection.execute("DELETE FROM objects")
    rebuild(story.connection)
    document = find_document(story.connection, "d")
    assert (document.name, document.owner, document.arrivals) == ("(missing)", None, 1)


steps = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "again", "step", "index", "reject", "fail", "redrive", "drop"]),
        st.sampled_from("abc"),
        st.integers(0, 3),
    ),
    max_size=25,
)


def test_rebuilding_makes_the_same_tables(new_connection: NewConnection) -> None:
    @settings(max_examples=new_connection.examples)
    @given(steps=steps)
    def check(steps: list[tuple[str, str, int]]) -> None:
        with new_connection() as connection:
            rebuilt_as_it_was(connection, steps)

    check()


def rebuilt_as_it_was(connection: Connection, steps: list[tuple[str, str, int]]) -> None:
    story = Story(connection)
    for act, document, number in steps:
        if act == "arrive":
            story.arrive(document, f"{number}.pdf", f"owner{number}", {f"l{number}": act})
        elif act == "again":
            story.arrive(document, "b.pdf", outcome="skipped", attributes={})
        elif act == "step":
            story.record("nlp", document, attributes={"pages": number, f"b{number}": 1, "a": 1})
        elif act == "index":
            story.record("index", document, attributes={"status": "indexed"})
        elif act == "reject":
            story.record("ocr", document, outcome="rejected", reason=f"reason {number}")
        elif act == "fail":
            story.record("ocr", document, outcome="failed", error="OSError")
        else:
            story.record("x", document, kind=act, events_in=[f"letter {number}"])
    before = tables(connection)
    for name in _DERIVED:
        connection.execute(f"DROP TABLE {name}")
    assert rebuild(connection) == len(steps)
    assert tables(connection) == before
