"""A match is asked for and answered by events; documents only for those who may see them."""

from __future__ import annotations

import pytest

from lineal.testing import StageHarness
from lineal_consumers.match.config import MatchConfig
from lineal_consumers.match.stage import match
from lineal_schemas.matching import MatchMade, MatchRequested


async def test_the_answer_names_model_and_null_distribution() -> None:
    async with StageHarness(match, config=MatchConfig(engine="classical")) as harness:
        request = MatchRequested(
            request_id="r", sentence="Denies fever.", text="She is afebrile. He has fever."
        )
        [made] = await harness.send(request)
        assert isinstance(made, MatchMade)
        assert [item.text for item in made.matches] == ["She is afebrile."]
        assert [item.text for item in made.contrary] == ["He has fever."]
        assert made.engine == "classical"
        assert made.null.pairs > 200


@pytest.mark.parametrize("document", [None, "unknown"])
async def test_a_request_without_a_text_that_may_be_seen_is_refused(document: str | None) -> None:
    async with StageHarness(match, config=MatchConfig(engine="classical")) as harness:
        sent = await harness.send(
            MatchRequested(request_id="r", document_id=document, sentence="Fever.")
        )
        assert sent == []
        assert len(harness.dead_letters) == 1
