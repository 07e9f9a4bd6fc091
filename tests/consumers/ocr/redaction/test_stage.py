"""The stage answers every request, and does nothing for who may not ask."""

from __future__ import annotations

from lineal.access.acts import read_acts
from lineal.access.tokens import create_token
from lineal.testing import StageHarness
from lineal_consumers.ocr.redaction.stage import redact
from lineal_schemas.documents import DocumentRedacted, DocumentRedactionRequested

REQUEST = DocumentRedactionRequested(
    document_id="d1", personal=True, reason="a test", by="user:owner", requested_us=1
)


async def test_who_may_not_redact_is_refused_whatever_the_event_says_of_them() -> None:
    async with StageHarness(redact) as harness:
        for actor, scope in ((None, ""), ("token:reader", "read"), ("token:up", "upload,publish")):
            if scope:
                name = str(actor).partition(":")[2]
                await harness.runtime.store.write(
                    lambda c, n=name, s=scope: create_token(  # type: ignore[misc]
                        c, n, read_acts(s), types=None, user=None, expires=2**60, now=1
                    )
                )
            assert await harness.send(REQUEST, actor=actor) == []
        assert len(harness.dead_letters) == 3
        assert all("SenderNotPermitted" in str(letter) for letter in harness.dead_letters)


async def test_a_document_that_nobody_knows_is_answered_with_the_reason() -> None:
    async with StageHarness(redact) as harness:
        [answer] = await harness.send(REQUEST, actor="user:root")
        assert isinstance(answer, DocumentRedacted)
        assert answer.content is None
        assert answer.problem is not None
        assert "d1" in answer.problem
        assert not harness.dead_letters
