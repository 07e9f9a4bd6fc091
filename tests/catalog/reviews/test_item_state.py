"""The queue under any order of acts of several people: one decision, nothing lost."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lineal.effects.effect import apply
from lineal.errors import StateConflict
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Artifact
from lineal_catalog.reviews.item_state import ReviewConflict
from lineal_catalog.reviews.leases import LEASE_SECONDS, draft_of, keep_draft, lease
from lineal_catalog.reviews.opinions import ReviewAnswer, opinions_of
from lineal_catalog.reviews.projection import REQUEST_ROLE
from lineal_catalog.reviews.queries import ReviewItem, find_review, list_reviews, next_reviews
from lineal_schemas.reviews import ReviewValue
from tests.lineage.records import one_step
from tests.store.stores import sqlite_connection

PEOPLE = st.sampled_from(("user:ann", "user:bob", "user:cat"))
CLASSES = st.sampled_from(("invoice", "letter"))
NEEDED = {False: 1, True: 3}


class Queue(RuleBasedStateMachine):
    """Three people and one item; each reads, and answers what they have read, at any time later."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.connection: Any = self._stack.enter_context(sqlite_connection())
        self.now = 1_000_000
        self.events = 0
        self.drafts: dict[str, str] = {}
        self.read: dict[str, ReviewItem] = {}
        self.holder: tuple[str, int] | None = None
        self.four_eyes = False

    def teardown(self) -> None:
        self._stack.close()

    @initialize(four_eyes=st.booleans())
    def request(self, four_eyes: bool) -> None:
        self.four_eyes = four_eyes
        Ledger().append(
            self.connection,
            [
                one_step(
                    "document:d",
                    kind="review",
                    events_in=["e"],
                    inputs=[Artifact("ee" * 32, "application/json", 2, "event")],
                    outputs=[Artifact("aa" * 32, "application/json", 2, REQUEST_ROLE)],
                    attributes={
                        "act": "request", "item": "i", "target": "class", "why": "doubt",
                        "four_eyes": int(four_eyes),
                    },
                )
            ],
        )  # fmt: skip

    def item(self) -> ReviewItem:
        return find_review(self.connection, "i")

    @rule(actor=PEOPLE)
    def take(self, actor: str) -> None:
        item = self.item()
        offered = next_reviews(self.connection, actor, now=self.now) == ["i"]
        try:
            item.state.check(actor, self.now)
        except ReviewConflict:
            assert not offered
            return
        assert offered
        assert lease(self.connection, "i", actor, self.now)
        self.holder = (actor, self.now + LEASE_SECONDS * 1_000_000)

    @rule(actor=PEOPLE)
    def look(self, actor: str) -> None:
        """Their page shows the item as it is now, also while others go on."""
        self.read[actor] = self.item()

    @rule(actor=PEOPLE, name=CLASSES)
    def draft(self, actor: str, name: str) -> None:
        keep_draft(self.connection, "i", actor, ReviewValue(document_class=name), self.now)
        self.drafts[actor] = name

    @rule(minutes=st.integers(1, 20))
    def wait(self, minutes: int) -> None:
        self.now += minutes * 60_000_000

    @precondition(lambda self: self.read)
    @rule(data=st.data(), name=CLASSES, agrees=st.booleans())
    def answer(self, data: st.DataObject, name: str, agrees: bool) -> None:
        actor = data.draw(st.sampled_from(sorted(self.read)))
        item = self.read[actor]
        try:
            item.state.check(actor, self.now)
        except ReviewConflict:
            return
        self.events += 1
        number = len(item.state.opinions) + 1
        made = ReviewAnswer(
            "i", number, f"e{self.events}", actor, "corrected", "bb" * 32, "cc" * 32, self.now, 5,
            item.state.next_opinion_completes(agrees=agrees), "document:d", "class",
        )  # fmt: skip
        before = opinions_of(self.connection, "i")
        fresh = before == item.state.opinions
        self.connection.execute("SAVEPOINT answer")
        try:
            apply(self.connection, [made])
        except StateConflict:
            self.connection.execute("ROLLBACK TO answer")
            assert not fresh
            assert opinions_of(self.connection, "i") == before
        else:
            assert fresh
            self.drafts.pop(actor, None)
            if self.holder is not None and self.holder[0] == actor:
                self.holder = None
            # Once more, as after a crash between store and bus: it is the same answer.
            apply(self.connection, [made])

    @invariant()
    def nothing_that_was_entered_is_lost(self) -> None:
        for actor, name in self.drafts.items():
            kept = draft_of(self.connection, "i", actor)
            assert kept is not None
            assert kept["value"]["document_class"] == name

    @invariant()
    def it_is_decided_once_and_by_enough_people(self) -> None:
        opinions = opinions_of(self.connection, "i")
        assert sum(item.closes for item in opinions) <= 1
        assert not opinions or not any(item.closes for item in opinions[:-1])
        assert len({item.actor for item in opinions}) == len(opinions)
        assert len(opinions) <= NEEDED[self.four_eyes]
        if opinions and self.four_eyes:
            assert len(opinions) > 1 or not opinions[0].closes

    @invariant()
    def what_is_decided_is_offered_to_nobody(self) -> None:
        if any(item.closes for item in opinions_of(self.connection, "i")):
            assert list_reviews(self.connection, now=self.now) == []

    @invariant()
    def nobody_sees_the_only_answer_of_another(self) -> None:
        if not self.events or not (opinions := opinions_of(self.connection, "i")):
            return
        state = self.item().state
        if len(opinions) == 1 and not opinions[0].closes:
            for actor in ("user:ann", "user:bob", "user:cat"):
                shown = state.visible_opinions(actor, self.now)
                assert {item.actor for item in shown} <= {actor}


TestQueue = Queue.TestCase
