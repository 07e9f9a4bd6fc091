"""What is asked as long as few answers show how often a model of classes is right."""

from __future__ import annotations

from functools import partial

from lineal.access.credential import owner_credential
from lineal.testing import StageHarness
from lineal_catalog.reviews.acts import details
from lineal_catalog.reviews.answers import complete
from lineal_catalog.reviews.queries import Filter, ReviewItem, list_reviews
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_consumers.review.stage import review
from lineal_schemas.class_evidence import ClassEvidence
from lineal_schemas.documents import DocumentAnalyzed
from lineal_schemas.envelope import now_us
from lineal_schemas.results import Analysis, DocumentClass
from lineal_schemas.reviews import ReviewValue
from tests.consumers.review.documents import reading

OWNER = Reviewer(owner_credential())
FEW = ClassEvidence(model="documents", looked_at=15, wrong=0, error_rate=0.05)


class Queue:
    """Documents whose class a model is sure of, and what people are asked."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness
        self.sent = 0

    async def send(self, count: int, evidence: ClassEvidence | None = FEW) -> int:
        """Of so many further documents, about how many people are asked."""
        before = len(await self.waiting())
        result = reading("a bill")
        text = await self.harness.put(result.text.encode(), "text/plain")
        stored = await self.harness.put(result.to_gzip(), "application/gzip")
        for _ in range(count):
            self.sent += 1
            found = DocumentClass(name="invoice", confidence=0.8, evidence=evidence)
            analysis = Analysis(
                language="en",
                language_confidence=self.sent / 1000,
                key_phrases=(),
                entities=(),
                document_class=found,
            )
            await self.harness.send(
                DocumentAnalyzed(
                    document_id=f"document-{self.sent}",
                    text=text,
                    result=stored,
                    analysis=await self.harness.put(analysis.to_gzip(), "application/gzip"),
                    language="en",
                    document_class="invoice",
                    class_confidence=0.8,
                    class_evidence=evidence,
                    personal_data=False,
                )
            )
        return len(await self.waiting()) - before

    async def waiting(self) -> list[ReviewItem]:
        found = partial(list_reviews, now=now_us(), wanted=Filter(target="class"), limit=1000)
        return await self.harness.runtime.store.read(found)

    async def answer(self, item: ReviewItem, said: str) -> None:
        value = ReviewValue(document_class=said)
        await complete(self.harness.runtime, item.item_id, value, OWNER)
        await self.harness.handle_published()


async def test_answers_make_questions_rarer_until_none_is_asked() -> None:
    async with StageHarness(review) as harness:
        queue = Queue(harness)
        # 15 of 15 show that at most 14 % are wrong: two of three are looked at, not all.
        asked = await queue.send(60)
        assert 25 <= asked <= 53
        items = await queue.waiting()
        assert {item.reason for item in items} == {"audit"}
        told = (await details(harness.runtime, items[0], OWNER))["evidence"]
        assert (told["looked_at"], told["right"], told["missing"]) == (15, 15, 30)
        assert 0.85 < told["min_right"] < 0.86
        for item in items[:15]:
            await queue.answer(item, "invoice")
        told = (await details(harness.runtime, items[15], OWNER))["evidence"]
        assert (told["looked_at"], told["missing"]) == (30, 15)
        fewer = await queue.send(60)
        assert 8 <= fewer < asked
        for item in (await queue.waiting())[:15]:
            await queue.answer(item, "invoice")
        assert await queue.send(60) == 0


async def test_an_error_that_is_found_makes_questions_more() -> None:
    async with StageHarness(review) as harness:
        queue = Queue(harness)
        await queue.send(30)
        for item in (await queue.waiting())[:3]:
            await queue.answer(item, "letter")
        [item, *_] = await queue.waiting()
        told = (await details(harness.runtime, item, OWNER))["evidence"]
        assert (told["looked_at"], told["right"]) == (18, 15)
        assert told["asked_share"] > 0.8


async def test_nothing_more_is_asked_where_the_rate_is_shown() -> None:
    async with StageHarness(review) as harness:
        assert await Queue(harness).send(20, evidence=None) == 0
