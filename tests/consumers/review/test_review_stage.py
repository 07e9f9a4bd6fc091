"""What people say reaches the stages that follow, and a replay does not lose it."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from lineal.access.acts import NotPermitted
from lineal.access.credential import Credential, credential_of, owner_credential
from lineal.proof.logged import logged_steps
from lineal.stages.senders import SenderNotPermitted
from lineal.store.objects import reference
from lineal.testing import StageHarness
from lineal_catalog.classes.teaching import forget, teach
from lineal_catalog.documents.renditions import find_renditions
from lineal_catalog.reviews.acts import details, save_draft, skip, take, take_next
from lineal_catalog.reviews.answers import complete
from lineal_catalog.reviews.item_state import DecidedBefore, InReview, OtherPersonNeeded
from lineal_catalog.reviews.leases import LEASE_SECONDS, lease
from lineal_catalog.reviews.opinions import decisions_about
from lineal_catalog.reviews.queries import ReviewItem, acts_of_person, list_reviews
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_catalog.reviews.thresholds import set_thresholds
from lineal_catalog.search.entries import search
from lineal_consumers.index.stage import index
from lineal_consumers.review.config import ReviewConfig
from lineal_consumers.review.stage import review
from lineal_schemas.anomalies import AnomalyOpened
from lineal_schemas.documents import DocumentAnalyzed, DocumentLabelled, DocumentRegistered
from lineal_schemas.envelope import now_us
from lineal_schemas.models import ModelRef
from lineal_schemas.results import TextResult
from lineal_schemas.reviews import (
    AnomalyReviewed,
    FieldValue,
    PageText,
    ReviewCompleted,
    ReviewOpinion,
    ReviewValue,
)
from tests.consumers.review.documents import AnalyserConfig, ReaderConfig, analyser, reader

OWNER = Reviewer(owner_credential())
ANN, BOB, CAT = (
    Reviewer(credential_of(f"user:{name}", "reviewer"), None) for name in ("ann", "bob", "cat")
)


class Pipeline:
    """Documents that are read, analysed, reviewed and indexed."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness
        self.runtime = harness.runtime
        self._sent = 0

    async def register(self, *texts: str) -> list[Any]:
        self._sent += 1
        content = await self.harness.put(json.dumps(texts).encode(), "image/png")
        event = DocumentRegistered(document_id="d", name="a.png", content=content)
        return await self.harness.send(event, id=f"registered-{self._sent}")

    async def waiting(self) -> list[ReviewItem]:
        return await self.runtime.store.read(partial(list_reviews, now=now_us()))

    async def answer(self, item: ReviewItem, who: Reviewer = OWNER, **said: Any) -> Any:
        made = await complete(self.runtime, item.item_id, ReviewValue(**said), who)
        await self.harness.handle_published()
        return made

    async def found(self, words: str, **facets: str) -> list[int]:
        hits = await self.runtime.store.read(lambda c: search(c, words, filters=facets))
        return [hit.page for hit in hits]

    async def result(self) -> TextResult:
        found = await self.runtime.store.read(partial(find_renditions, document_id="d"))
        data = await self.harness.get(reference(found["json"].sha256, 0, "application/gzip"))
        return TextResult.from_gzip(data)


@asynccontextmanager
async def pipeline(
    names: dict[str, str] | None = None,
    *,
    config: ReviewConfig | None = None,
    replace: dict[str, str] | None = None,
) -> Any:
    configs = [
        ReaderConfig(replace=replace or {}),
        AnalyserConfig(names=names or {}),
        config or ReviewConfig(),
    ]
    async with StageHarness(reader, analyser, review, index, config=configs) as harness:
        yield Pipeline(harness)


async def test_a_class_that_is_not_sure_is_asked_and_the_index_shows_the_answer() -> None:
    async with pipeline() as flow:
        await flow.register("a bill")
        assert await flow.found("bill", **{"class": "other"}) == [1]
        [item] = await flow.waiting()
        assert (item.reason, item.document_class, item.confidence) == ("confidence", "other", 0.3)

        answer = await flow.answer(item, document_class="invoice")

        assert isinstance(answer, ReviewCompleted)
        assert (answer.outcome, answer.by) == ("corrected", OWNER.actor)
        assert await flow.found("bill", **{"class": "invoice"}) == [1]
        assert await flow.found("bill", **{"class": "other"}) == []
        [labelled] = flow.harness.outputs(DocumentLabelled)
        assert (labelled.label, labelled.by) == ("invoice", OWNER.actor)
        assert await flow.waiting() == []
        # A person and a machine stand in the lineage, joined by what the person said.
        steps = flow.harness.records
        said = await flow.runtime.store.read(partial(decisions_about, subject="document:d"))
        made = next(step for step in steps if step.events_in == (said[0].event_id,))
        assert said[0].after in {item.sha256 for item in made.inputs}
        answered = [
            step
            for step in await flow.runtime.store.read(lambda c: list(logged_steps(c, "document:d")))
            if step.kind == "review" and step.attributes.get("act") == "answer"
        ]
        assert [step.actor for step in answered] == [OWNER.actor]
        assert said[0].after in {item.sha256 for item in answered[0].outputs}


async def _teach(flow: Pipeline, name: str) -> None:
    await flow.runtime.flush_ledger()
    await teach(flow.runtime, {"d": name}, OWNER.by, "test:cli")
    await flow.harness.handle_published()


async def test_what_is_taught_of_a_document_nobody_was_asked_about_holds_for_it() -> None:
    async with pipeline({"bill": "letter"}) as flow:
        await flow.register("a bill")
        assert await flow.waiting() == []
        await _teach(flow, "invoice")
        assert await flow.found("bill", **{"class": "invoice"}) == [1]
        assert await flow.found("bill", **{"class": "letter"}) == []
        given = flow.harness.outputs(DocumentAnalyzed)[-1]
        assert (given.document_class, given.class_confidence) == ("invoice", 1.0)
        steps = await flow.runtime.store.read(lambda c: list(logged_steps(c, "document:d")))
        assert OWNER.actor in {step.actor for step in steps}
        reviewed = [step.actor for step in steps if step.build and step.build.stage == "review"]
        assert reviewed
        assert OWNER.actor not in reviewed

        # A later reading is of it as well, and what the machine had said all along asks nobody.
        await flow.register("a bill")
        assert await flow.found("bill", **{"class": "invoice"}) == [1]
        assert await flow.waiting() == []


async def test_the_last_that_a_person_says_of_a_class_holds_taught_or_answered() -> None:
    async with pipeline() as flow:
        await flow.register("a bill")
        [item] = await flow.waiting()
        await flow.answer(item, document_class="invoice")
        for name in ("receipt", "other", "invoice"):
            await _teach(flow, name)
            assert await flow.found("bill", **{"class": name}) == [1]
        await flow.register("another bill")
        assert await flow.found("bill", **{"class": "invoice"}) == [1]


async def test_teaching_what_is_asked_makes_no_analysis_twice_and_forgetting_none() -> None:
    async with pipeline() as flow:
        await flow.register("a bill")
        await _teach(flow, "invoice")
        assert await flow.waiting() == []
        assert [one.document_class for one in flow.harness.outputs(DocumentAnalyzed)] == [
            "other", "invoice"
        ]  # fmt: skip
        await forget(flow.runtime, ["d"], OWNER.by, "test:cli")
        await flow.harness.handle_published()
        assert await flow.found("bill", **{"class": "invoice"}) == [1]


async def test_nobody_who_may_not_review_teaches_a_document_its_class() -> None:
    async with pipeline({"bill": "letter"}) as flow:
        await flow.register("a bill")
        text = (await flow.result()).text.encode()
        said = DocumentLabelled(
            document_id="d", label="invoice", by="token:eve", labelled_us=now_us(),
            text=await flow.harness.put(text, "text/plain"),
        )  # fmt: skip
        await flow.harness.send(said, id="forged", actor="token:eve")
        [letter] = flow.harness.dead_letters
        assert letter.error_class == SenderNotPermitted.__name__
        assert await flow.found("bill", **{"class": "letter"}) == [1]


async def test_a_correction_of_the_text_is_searched_and_survives_a_replay() -> None:
    async with pipeline({"total": "invoice"}) as flow:
        await flow.register("total: 1O.OO ?\nname: Ann", "second page")
        [item] = await flow.waiting()
        assert item.reason == "doubt"
        text = "total: 10.00 ?\nname: Ann"
        answer = await flow.answer(item, pages=(PageText(page=1, text=text),))
        assert answer.outcome == "corrected"
        assert await flow.found("10.00") == [1]
        assert await flow.found("1O") == []
        result = await flow.result()
        assert result.text == f"{text}\fsecond page"
        words = result.pages[0].words
        assert [result.text[w.begin : w.end] for w in words] == text.split()
        assert [w.confidence for w in words] == [0.5, 1.0, 0.5, 0.5, 0.5]
        assert result.pages[1].begin == len(text) + 1

        # Another version reads other words elsewhere: what the person said is said again.
        await flow.register("total: 1O.OO ?\nname: Anna", "second page read better")
        assert await flow.found("10.00") == [1]
        assert await flow.found("Anna") == [1]
        assert await flow.found("better") == [2]
        assert [w.reason for w in await flow.waiting()] == []

        # It reads the same words otherwise: the person's stay, and people are told.
        await flow.register("total: 70.00 ?\nname: Anna", "second page")
        assert await flow.found("10.00") == [1]
        assert await flow.found("70.00") == []
        [conflict] = await flow.waiting()
        assert conflict.reason == "conflict"


async def test_a_class_that_a_person_said_survives_a_replay_with_another_opinion() -> None:
    async with pipeline({"bill": "letter"}, config=ReviewConfig(audit_share=1.0)) as flow:
        await flow.register("a bill")
        [item] = await flow.waiting()
        assert item.reason == "audit"
        await flow.answer(item, document_class="invoice")
        await flow.register("a bill once more")
        assert await flow.found("more", **{"class": "invoice"}) == [1]
        assert await flow.waiting() == []


async def test_fields_are_corrected() -> None:
    async with pipeline({"total": "invoice"}) as flow:
        await flow.register("total: 1O ?")
        [item] = await flow.waiting()
        await flow.answer(item, fields=(FieldValue(key="total", value="10"),))
        [pair] = (await flow.result()).pages[0].key_values
        assert (pair.value, pair.confidence) == ("10", 1.0)


async def test_who_says_that_a_field_is_right_has_said_its_value() -> None:
    """So it is an example for those that follow, as a correction is."""
    async with pipeline({"total": "invoice"}) as flow:
        await flow.register("total: 10 ?")
        [item] = await flow.waiting()
        answer = await flow.answer(item, fields=(FieldValue(key="total", value="10 ?"),))
        assert answer.outcome == "confirmed"
        [pair] = (await flow.result()).pages[0].key_values
        assert (pair.value, pair.reviewed) == ("10 ?", True)


async def test_two_people_on_one_item_are_told() -> None:
    async with pipeline() as flow:
        await flow.register("a bill")
        [item] = await flow.waiting()
        await take(flow.runtime, item.item_id, ANN)
        with pytest.raises(InReview) as told:
            await take(flow.runtime, item.item_id, BOB)
        assert told.value.details["by"] == "user:ann"
        value = ReviewValue(document_class="letter")
        draft = await save_draft(flow.runtime, item.item_id, value, BOB)
        assert draft["taken"]["by"] == "user:ann"

        await flow.answer(item, ANN, document_class="invoice")
        with pytest.raises(DecidedBefore) as second:
            await complete(flow.runtime, item.item_id, None, BOB)
        assert second.value.details["by"] == "user:ann"
        shown = await details(flow.runtime, item, BOB)
        assert shown["draft"]["value"]["document_class"] == "letter"
        # The same answer again, as after a lost connection, is the same answer.
        again = await flow.answer(item, ANN, document_class="invoice")
        assert again.outcome == "corrected"
        assert len(flow.harness.outputs(DocumentLabelled)) == 1


async def test_four_eyes_see_nothing_of_each_other_and_a_third_decides() -> None:
    config = ReviewConfig(four_eyes_classes=("other",))
    async with pipeline(config=config) as flow:
        await flow.register("a bill")
        [item] = await flow.waiting()
        first = await flow.answer(item, ANN, document_class="invoice")
        assert isinstance(first, ReviewOpinion)
        with pytest.raises(OtherPersonNeeded):
            await complete(flow.runtime, item.item_id, ReviewValue(document_class="bill"), ANN)
        assert await take_next(flow.runtime, ANN) is None
        taken = await take_next(flow.runtime, BOB)
        assert taken is not None
        assert (await details(flow.runtime, taken, BOB))["opinions"] == []
        assert isinstance(await flow.answer(item, BOB, document_class="letter"), ReviewOpinion)
        assert flow.harness.outputs(DocumentLabelled) == []
        taken = await take_next(flow.runtime, CAT)
        assert taken is not None
        seen = (await details(flow.runtime, taken, CAT))["opinions"]
        assert [each["value"]["document_class"] for each in seen] == ["invoice", "letter"]
        last = await flow.answer(item, CAT, document_class="invoice")
        assert isinstance(last, ReviewCompleted)
        assert last.opinions == 3


async def test_a_draft_that_comes_behind_ones_own_answer_takes_nothing_from_others() -> None:
    config = ReviewConfig(four_eyes_classes=("other",))
    async with pipeline(config=config) as flow:
        await flow.register("a bill")
        [item] = await flow.waiting()
        await flow.answer(item, ANN, document_class="invoice")
        late = await save_draft(
            flow.runtime, item.item_id, ReviewValue(document_class="invoice"), ANN
        )
        assert late["taken"] is None
        taken = await take_next(flow.runtime, BOB)
        assert taken is not None
        shown = await details(flow.runtime, taken, ANN)
        assert shown["draft"] is None


async def test_who_lets_an_item_lie_is_not_said_to_have_worked_on_it() -> None:
    """They took it, were away for a day, and answered without anybody else having come."""
    async with pipeline() as flow:
        await flow.register("a bill")
        [item] = await flow.waiting()
        day_us = 86_400 * 1_000_000
        await flow.runtime.store.write(
            partial(lease, item_id=item.item_id, actor=ANN.actor, now=now_us() - day_us)
        )
        made = await flow.answer(item, ANN, document_class="invoice")
        assert made.seconds == LEASE_SECONDS


async def test_what_is_skipped_is_offered_to_others_only() -> None:
    async with pipeline() as flow:
        await flow.register("a bill")
        taken = await take_next(flow.runtime, ANN)
        assert taken is not None
        await skip(flow.runtime, taken.item_id, ANN)
        assert await take_next(flow.runtime, ANN) is None
        assert await take_next(flow.runtime, BOB) is not None
        done = await flow.runtime.store.read(
            partial(acts_of_person, actor=ANN.actor, item_ids=[taken.item_id, "another"])
        )
        assert done == (frozenset(), frozenset({taken.item_id}))


async def test_a_reader_may_not_answer() -> None:
    async with pipeline() as flow:
        await flow.register("a bill")
        [item] = await flow.waiting()
        reader_only = Reviewer(Credential("token:eve", frozenset({"read"})))
        with pytest.raises(NotPermitted):
            await complete(flow.runtime, item.item_id, ReviewValue(document_class="x"), reader_only)


async def test_an_anomaly_is_judged() -> None:
    async with pipeline() as flow:
        await flow.harness.send(
            AnomalyOpened(
                device="t1", anomaly_id="a1", detector="bus",
                model=ModelRef(name="m", version=1, sha256="0" * 64), threshold=1.0,
                boot_id="0" * 32, first_seq=1, last_seq=2, wall_us=1, score=2.0, contributions=(),
            )
        )  # fmt: skip
        [item] = await flow.waiting()
        assert (item.subject, item.of) == ("device:t1", "a1")
        await flow.answer(item, verdict="normal")
        [judged] = flow.harness.outputs(AnomalyReviewed)
        assert (judged.device, judged.verdict) == ("t1", "normal")


async def test_an_answer_that_nobody_gave_is_refused() -> None:
    async with pipeline() as flow:
        await flow.register("a bill")
        [item] = await flow.waiting()
        made = await flow.answer(item, document_class="invoice")
        before = len(flow.harness.outputs(DocumentAnalyzed))
        await flow.harness.send(made, id="forged")
        assert len(flow.harness.outputs(DocumentAnalyzed)) == before
        assert [letter.group for letter in flow.harness.dead_letters] == ["review"]


async def test_thresholds_that_were_set_go_before_those_of_the_settings() -> None:
    async with pipeline({"bill": "letter"}) as flow:
        await flow.register("a bill")
        assert await flow.waiting() == []
        await set_thresholds(flow.runtime, {"letter": 0.95}, 0.95, OWNER.by)
        await flow.register("a bill again")
        [item] = await flow.waiting()
        assert item.reason == "confidence"
