"""The queue's questions, on each kind of store."""

from __future__ import annotations

from lineal.effects.effect import apply
from lineal.lineage.ledger import Ledger
from lineal.lineage.rebuild import rebuild
from lineal.lineage.record import Artifact
from lineal.store.connection import Connection
from lineal_catalog.reviews.leases import draft_of, keep_draft, lease
from lineal_catalog.reviews.opinions import ReviewAnswer, opinions_of
from lineal_catalog.reviews.projection import AFTER_ROLE, BEFORE_ROLE, REQUEST_ROLE, REVIEWS
from lineal_catalog.reviews.queries import (
    Filter,
    count_waiting,
    find_review,
    list_reviews,
    next_reviews,
    oldest_waiting,
)
from lineal_catalog.reviews.thresholds import measured_classes
from lineal_schemas.reviews import ReviewValue
from tests.lineage.records import one_step

NOW = 10_000_000


def request(connection: Connection, number: int, **changes: int | str) -> None:
    attributes: dict[str, int | str] = {
        "act": "request", "item": f"i{number}", "target": "class", "why": "confidence",
        "document_class": "other", "confidence": 300_000 + number, "four_eyes": 0,
    }  # fmt: skip
    record = one_step(
        f"document:d{number}",
        kind="review",
        started=number + 1,
        events_in=[f"e{number}"],
        inputs=[Artifact("ee" * 32, "application/json", 2, "event")],
        outputs=[Artifact("aa" * 32, "application/json", 2, REQUEST_ROLE)],
        attributes=attributes | changes,
    )
    Ledger().append(connection, [record])


def answer(connection: Connection, number: int) -> None:
    made = ReviewAnswer(
        f"i{number}", 1, f"a{number}", "user:ann", "confirmed", "bb" * 32, "cc" * 32, NOW, 5, True,
        f"document:d{number}", "class",
    )  # fmt: skip
    apply(connection, [made])


def test_the_queue_is_filtered_ordered_and_shared(connection: Connection) -> None:
    for number in range(4):
        request(connection, number)
    request(connection, 5, why="doubt", target="text", confidence=0)
    assert [item.item_id for item in list_reviews(connection, now=NOW)] == [
        "i0", "i1", "i2", "i3", "i5",
    ]  # fmt: skip
    wanted = Filter(reason="doubt")
    assert [item.item_id for item in list_reviews(connection, now=NOW, wanted=wanted)] == ["i5"]
    below = Filter(below=0.300002, target="class")
    found = list_reviews(connection, now=NOW, wanted=below, order="confidence")
    assert [item.item_id for item in found] == ["i0", "i1"]
    assert count_waiting(connection)["reason"] == {"confidence": 4, "doubt": 1}
    assert list_reviews(connection, now=NOW, names=["ann"]) == []  # nothing that ann may see

    assert lease(connection, "i0", "user:ann", NOW)
    assert not lease(connection, "i0", "user:bob", NOW)
    assert next_reviews(connection, "user:bob", now=NOW, limit=1) == ["i1"]
    assert next_reviews(connection, "user:ann", now=NOW, limit=1) == ["i0"]
    keep_draft(connection, "i0", "user:ann", ReviewValue(document_class="x"), NOW)
    answer(connection, 0)
    assert draft_of(connection, "i0", "user:ann") is None
    assert oldest_waiting(connection) == 2
    assert [item.confidence for item in measured_classes(connection)] == [0.3]
    assert find_review(connection, "i0").state.status(NOW) == "completed"
    rebuild(connection)
    assert len(list_reviews(connection, now=NOW)) == 4


def test_what_a_machine_made_anew_supersedes_what_nobody_has_decided(
    connection: Connection,
) -> None:
    request(connection, 0)
    record = one_step(
        "document:d0", kind="review", started=9, events_in=["f"],
        inputs=[Artifact("ee" * 32, "application/json", 2, "event")],
        outputs=[Artifact("aa" * 32, "application/json", 2, REQUEST_ROLE)],
        attributes={"act": "request", "item": "j0", "target": "class", "why": "confidence"},
    )  # fmt: skip
    Ledger().append(connection, [record])
    assert [item.item_id for item in list_reviews(connection, now=NOW)] == ["j0"]
    assert find_review(connection, "i0").state.status(NOW) == "superseded"


def test_who_takes_an_item_again_after_their_time_was_up_begins_anew(
    connection: Connection,
) -> None:
    request(connection, 0)
    minute, day = 60_000_000, 86_400_000_000
    for now, began in ((NOW, NOW), (NOW + minute, NOW), (NOW + day, NOW + day)):
        assert lease(connection, "i0", "user:ann", now)
        held = find_review(connection, "i0").state.holder(now)
        assert held is not None
        assert held.began == began


def test_an_erasure_takes_drafts_and_answers_with_it(connection: Connection) -> None:
    request(connection, 0)
    lease(connection, "i0", "user:bob", NOW)
    keep_draft(connection, "i0", "user:bob", ReviewValue(document_class="secret"), NOW)
    assert REVIEWS.erase is not None
    assert REVIEWS.erase(connection, "document:d0", True) == 2
    assert draft_of(connection, "i0", "user:bob") is not None
    assert REVIEWS.erase(connection, "document:d0", False) == 2
    Ledger().append(connection, [one_step("document:d0", kind="erase", reason="asked")])
    assert draft_of(connection, "i0", "user:bob") is None
    assert list_reviews(connection, now=NOW, status="all") == []


def test_a_rebuild_brings_back_no_answer_about_what_was_erased(connection: Connection) -> None:
    request(connection, 0)
    given = one_step(
        "document:d0", kind="review", actor="user:ann", events_out=["a"],
        inputs=[Artifact("bb" * 32, "application/json", 2, BEFORE_ROLE)],
        outputs=[Artifact("cc" * 32, "application/json", 2, AFTER_ROLE)],
        attributes={"act": "answer", "item": "i0", "number": 1, "outcome": "confirmed",
                    "target": "class", "closes": 1},
    )  # fmt: skip
    Ledger().append(connection, [given, one_step("document:d0", kind="erase", reason="asked")])
    rebuild(connection)
    assert opinions_of(connection, "i0") == ()
