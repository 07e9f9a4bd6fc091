"""Boxes that a person draws in a review are redacted, if the person may redact."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

from lineal.access.acts import NotPermitted
from lineal.access.credential import Credential
from lineal.access.users import add_user
from lineal_catalog.reviews import acts
from lineal_catalog.reviews.answers import complete
from lineal_catalog.reviews.redaction import WrongBox
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_local.ports import free_port
from lineal_schemas.documents import DocumentRedactionRequested, PageBox
from lineal_schemas.results import Box
from lineal_schemas.reviews import PageText, RedactionBox, ReviewValue
from tests.cli.processes import lineal, running
from tests.consumers.review.test_review_stage import ANN, OWNER, Pipeline, pipeline

TOKEN = "a-token-of-the-settings-that-is-long"
BOX = RedactionBox(page=1, box=Box(0.1, 0.2, 0.5, 1.0), reason="a name")


async def asked(flow: Pipeline) -> Any:
    await flow.register("Maria Gonzalez")
    await acts.request_review(flow.runtime, "d", "redaction", OWNER)
    await flow.harness.handle_published()
    return next(item for item in await flow.waiting() if item.target == "redaction")


async def test_a_copy_is_asked_for_in_the_name_of_who_answered() -> None:
    async with pipeline() as flow:
        answer = await flow.answer(await asked(flow), redactions=(BOX,))
        [request] = flow.harness.outputs(DocumentRedactionRequested)
        assert (request.document_id, request.by) == ("d", answer.by)
        assert (request.reason, request.requested_us) == ("a name", answer.decided_us)
        assert request.boxes == (PageBox(page=1, left=0.1, top=0.2, width=0.5, height=0.8),)


async def test_who_may_not_redact_is_told_and_keeps_the_boxes_as_a_draft() -> None:
    async with pipeline() as flow:
        item = await asked(flow)
        value = ReviewValue(redactions=(BOX,))
        with pytest.raises(NotPermitted, match="may not redact"):
            await complete(flow.runtime, item.item_id, value, ANN)
        kept = (await acts.details(flow.runtime, item, ANN))["draft"]["value"]
        assert kept["redactions"][0]["reason"] == "a name"
        beside = ReviewValue(redactions=(RedactionBox(page=1, box=Box(1.2, 0, 0.1, 0.1)),))
        with pytest.raises(WrongBox, match="page 1"):
            await complete(flow.runtime, item.item_id, beside, OWNER)
        assert flow.harness.outputs(DocumentRedactionRequested) == []


async def test_a_role_that_was_taken_away_meanwhile_holds_and_the_rest_of_the_answer_too() -> None:
    async with pipeline() as flow:
        add = partial(add_user, name="olga", role="reviewer", password=None, now=1)
        await flow.runtime.store.write(add)
        olga = Reviewer(Credential("user:olga", OWNER.by.acts))  # as it was when she asked
        text = PageText(page=1, text="Mario Gonzalez")
        await flow.answer(await asked(flow), olga, redactions=(BOX,), pages=(text,))
        assert flow.harness.outputs(DocumentRedactionRequested) == []
        assert await flow.found("Mario") == [1]
        assert any("not_redacted" in step.attributes for step in flow.harness.records)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, httpx.Client]]:
    port = free_port()
    with (
        running(tmp_path, "up", "--port", str(port), LINEAL_HTTP_TOKEN=TOKEN) as daemon,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {TOKEN}"}
        ) as client,
    ):
        daemon.line(lambda line: True)
        yield tmp_path, client


def test_boxes_and_requests_over_http_with_the_token_of_the_settings_become_copies(
    site: tuple[Path, httpx.Client],
) -> None:
    folder, client = site
    page = Image.new("L", (900, 300), 255)
    ImageDraw.Draw(page).text((40, 40), "Dear Gonzalez", fill=0, font=ImageFont.load_default(60))
    page.save(folder / "letter.png")
    assert lineal(folder, "put", "letter.png", "--wait").returncode == 0
    document = json.loads(lineal(folder, "show", "letter.png", "--json").stdout)["document_id"]

    asked = client.post("/reviews", json={"document_id": document, "target": "redaction"})
    item = asked.json()["item"]
    box = {"page": 1, "box": [0, 0, 1, 0.6], "reason": "a name"}
    answer = _once_there(
        client, "POST", f"/reviews/{item}/complete", json={"value": {"redactions": [box]}}
    )
    assert answer.json()["by"] == "token:http"
    copy = _once_there(client, "GET", f"/documents/{document}/redacted")
    shown = Image.open(io.BytesIO(copy.content)).convert("L")
    assert shown.crop((0, 0, shown.width, shown.height // 2)).getextrema() == (0, 0)

    wanted = {"words": ["Gonzalez"], "reason": "a request"}
    made = client.post(f"/documents/{document}/redactions", json=wanted)
    assert made.status_code == 202
    redacted = _events(folder, 2)
    assert [event["data"]["by"] for event in redacted] == ["token:http", "token:http"]
    assert [event["data"]["problem"] for event in redacted] == [None, None]
    assert json.loads(lineal(folder, "dead", "list", "--json").stdout) == []


def _once_there(client: httpx.Client, method: str, path: str, **sent: Any) -> httpx.Response:
    until = time.monotonic() + 180
    while (answer := client.request(method, path, **sent)).status_code == 404:
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    return answer


def _events(folder: Path, count: int) -> list[dict[str, Any]]:
    done = lineal(
        folder, "tail", "document.redacted", "--from", "beginning", "--limit", str(count), "--json"
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
