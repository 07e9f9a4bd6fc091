"""A version of a model on its page: what it would do differently, and with which documents."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import Up, faults, open_page, until

pytestmark = pytest.mark.long

TEXTS = {
    "invoice": "Invoice {n}. Please pay the amount due of {n} euro into our account by Friday.",
    "letter": "Dear aunt {n}, the weather at the coast is fine and the children swim all day.",
}


@pytest.fixture(scope="module")
def learnt(up: Up) -> Iterator[Up]:
    """Two iterations: the second has learnt that what were letters are postcards."""
    headers = {"authorization": f"Bearer {up.token()}"}
    with httpx.Client(base_url=up.url, headers=headers, timeout=60) as client:
        for number in range(24):
            kind = sorted(TEXTS)[number % 2]
            client.post(
                "/documents",
                files={"file": (f"{kind}-{number}.txt", TEXTS[kind].format(n=number).encode())},
                data={"label": f"class={kind}"},
            )
        until(lambda: len(client.get("/documents?status=indexed&limit=100").json()) == 24)
        up.lineal("label", "--from-label", "class")
        up.lineal("model", "train", "documents", "--wait", "120")
        for document in client.get("/documents?status=indexed&limit=100").json():
            if document["name"].startswith("letter"):
                up.lineal("label", document["document_id"], "postcard")
        up.lineal("model", "train", "documents", "--wait", "120")
    yield up


def test_what_a_version_would_do_differently_is_shown(learnt: Up, browser: Browser) -> None:
    watched = open_page(browser, learnt.login)
    page = watched.page
    page.goto(f"{learnt.url}/console/models/documents")
    assert faults(page) == []
    row = page.get_by_role("row", name="What it would do differently")
    row.get_by_role("button", name="Preview of nlp").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Preview of nlp")
    changed = page.get_by_role("row", name="document_class 12")
    expect(changed).to_be_visible()
    expect(page.get_by_role("link", name="document:").first).to_be_visible()
    assert watched.problems == []
