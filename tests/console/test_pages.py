"""Every page in a browser: without accessibility faults, at two widths, whatever names and
contents are shown on it; and what operators do on them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import (
    NARROW,
    OF_LOOKS,
    WCAG,
    Up,
    Watched,
    another_size,
    faults,
    links_on,
    open_page,
    too_wide,
    until,
)

ARTEFACTS = os.environ.get("LINEAL_SCREENSHOTS")
HOSTILE = "<img src=x onerror=alert(1)>\u202eevil'\"&{{7*7}}" + "w" * 180
CONTENT = f"""<script>document.title = 'taken'</script>
Name: {"x" * 300}
\u05e9\u05dc\u05d5\u05dd \u202e reversed {{{{ 7 * 7 }}}} jane@example.com
Total: EUR 12.50 <b>bold</b>
"""
SKIPPED = re.compile(
    r"/console/(documents/[^/]+|flow/(topics|events|subjects)/.*|dead-letters/.+|graph/concepts/.+)$"
)
"""Pages about one of many things: the first of a kind stands for the others."""


@pytest.fixture(scope="module")
def owner(up: Up, browser: Browser) -> Iterator[Watched]:
    """Somebody who has hostile documents, a dead letter, users and tokens."""
    with _client(up) as client:
        for name, content in ((HOSTILE + ".txt", CONTENT.encode()), ("broken.pdf", b"%PDF-1.4 x")):
            sent = client.post(
                "/documents",
                files={"file": (name, content)},
                data={"label": f"<i>key={HOSTILE[:40]}", "owner": "<b>ann</b>"},
            )
            assert sent.status_code == 202
        until(lambda: len(client.get("/documents?status=indexed").json()) == 1)
        until(lambda: len(client.get("/documents?status=rejected").json()) == 1)
    up.lineal("user", "add", "ann", "reader", "--no-password")
    watched = open_page(browser, up.login)
    yield watched
    assert watched.problems == []


def _client(up: Up) -> httpx.Client:
    return httpx.Client(base_url=up.url, headers={"authorization": f"Bearer {up.token()}"})


def every_page(page: Page, url: str) -> list[str]:
    """The addresses that links from the first page reach, one of each kind."""
    seen: dict[str, str] = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop(0)
        plain = path.partition("?")[0].partition("#")[0]
        kind = SKIPPED.sub(lambda match: match[0].split("/")[2] + "/*", plain)
        if kind in seen or not (plain == "/" or plain.startswith("/console/")):
            continue
        seen[kind] = path
        page.goto(url + path)
        page.wait_for_load_state("networkidle") if "flow" not in plain else None
        waiting += links_on(page)
    return list(seen.values())


def test_every_page_is_accessible_fits_and_runs_nothing_of_what_it_shows(
    up: Up, browser: Browser, owner: Watched
) -> None:
    page = owner.page
    paths = every_page(page, up.url)
    reached = {path.partition("?")[0] for path in paths}
    assert {"/", "/console/documents", "/console/flow", "/console/dead-letters", "/console/search",
            "/console/proof", "/console/users", "/console/audit"} <= reached  # fmt: skip
    narrow = another_size(
        owner, browser, viewport={"width": NARROW, "height": 800}, color_scheme="dark",
        locale="de-DE",
    )  # fmt: skip
    wrong: list[str] = []
    for watched, width in ((owner, "wide"), (narrow, "narrow")):
        for path in paths:
            watched.page.goto(up.url + path)
            watched.page.locator("h1").wait_for()
            if ARTEFACTS:
                name = re.sub(r"\W+", "-", path.partition("?")[0])[:40] or "-"
                file = Path(ARTEFACTS) / f"{width}{name}.png"
                watched.page.screenshot(path=file, full_page=True)
            if over := too_wide(watched.page):
                wrong.append(f"{width} {path}: {over} pixels too wide")
            if "taken" in watched.page.title():
                wrong.append(f"{width} {path}: a script of a document ran")
            rules = WCAG if watched is owner else OF_LOOKS
            wrong += [f"{width} {path}: {fault}" for fault in faults(watched.page, rules)]
    assert not wrong, "\n".join(wrong)
    assert narrow.problems == []


def test_the_flow_is_live_and_leads_from_events_to_what_they_caused(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/flow")
    expect(page.locator(".flow-graph a.node").filter(has_text="register 1")).to_be_visible()
    arrived = page.locator("[data-topic='document.arrived']")
    before = int(arrived.inner_text())
    with _client(up) as client:
        client.post("/documents", files={"file": ("again.txt", b"Hello again, dear reader.")})
    expect(arrived).to_have_text(str(before + 1))

    topics = page.get_by_role("region", name="Topics")
    topics.get_by_role("link", name="document.registered", exact=True).click()
    page.locator("table a.mono").first.click()
    expect(page.get_by_role("heading", name="Caused")).to_be_visible()
    expect(page.locator("ul li").filter(has_text="classify").first).to_be_visible()
    expect(page.locator("ul li").filter(has_text="register").first).to_be_visible()
    page.get_by_role("link", name=re.compile("^document:")).first.click()
    expect(page.get_by_role("heading", name="Story")).to_be_visible()


def test_words_are_found_and_shown_on_the_page(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(up.url)
    page.get_by_role("searchbox", name="Search in all documents").fill("reversed total")
    page.keyboard.press("Enter")
    hit = page.get_by_role("list", name="Pages that were found").get_by_role("listitem").first
    expect(hit.locator("mark").first).to_have_text(re.compile("reversed", re.I))
    hit.get_by_role("link").first.click()
    expect(page.get_by_text("2 places", exact=True)).to_be_visible()
    marks = [mark.lower() for mark in page.locator("#found mark").all_inner_texts()]
    assert marks == ["reversed", "total"]


def test_dead_letters_are_read_and_decided_about(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/dead-letters")
    cause = page.locator("section.cause").filter(has_text="classify")
    cause.get_by_text("Letters").click() if not cause.locator("details[open]").count() else None
    cause.locator("a.mono").first.click()
    expect(page.locator("pre").last).to_contain_text("broken.pdf")
    page.get_by_role("button", name="Redrive").click()
    expect(page.get_by_role("status")).to_have_text("1 letter is redriven.")
    until(lambda: "classify" in up.lineal("dead", "list"))
    page.goto(f"{up.url}/console/dead-letters")
    page.get_by_role("button", name="Drop all").click()
    expect(page.get_by_role("status")).to_have_text("1 letter is dropped.")
    expect(page.get_by_text("No dead letter waits for a decision.")).to_be_visible()


def test_everything_is_verified_on_demand(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/proof")
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text("All of it holds.")).to_be_visible(timeout=60_000)


def test_a_replay_is_previewed_run_by_keyboard_alone_and_versions_are_compared(
    up: Up, owner: Watched
) -> None:
    page = owner.page
    page.goto(f"{up.url}/")
    for _ in range(40):  # to the page by the Tab key, as who has no mouse
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('href')") == "/console/replay":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Replay")
    stage = page.get_by_label("Stage")
    for _ in range(40):
        page.keyboard.press("Tab")
        if stage.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.type("nlp")
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Preview":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Preview of nlp")
    expect(page.locator("#job .status").first).to_have_text("done", timeout=60_000)
    unchanged = page.locator(".card").filter(has_text="unchanged").locator(".figure")
    assert int(unchanged.inner_text()) >= 1

    page.goto(f"{up.url}/console/replay?stage=nlp")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#job .status").first).to_have_text("done", timeout=60_000)
    assert '"kind":"replay"' in up.lineal("lineage", "stage:nlp", "--json").replace(" ", "")

    page.goto(f"{up.url}/console/documents?status=indexed")
    page.locator("table.documents a").first.click()
    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_text("There is one version only")).to_be_visible()


def test_users_and_tokens_are_managed_and_recorded_with_who_did_it(
    up: Up, browser: Browser, owner: Watched
) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/users")
    page.get_by_text("Add a user").click()
    page.get_by_label("Name", exact=True).first.fill("ben")
    page.locator("form[action$='/add'] select").select_option("reviewer")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("ben is added.")
    row = page.get_by_role("row").filter(has_text="ben")
    row.get_by_label("Role of ben").select_option("operator")
    row.get_by_role("button", name="Change").click()
    expect(page.get_by_role("status")).to_have_text("ben is operator now.")
    page.get_by_text("Make a token").click()
    page.locator("form[action$='/tokens'] input[name=name]").fill("report")
    page.get_by_label("read", exact=True).check()
    page.get_by_role("button", name="Make", exact=True).click()
    secret = page.locator(".notice pre").inner_text().strip()
    asked = httpx.get(f"{up.url}/session", headers={"authorization": f"Bearer {secret}"})
    assert asked.json()["acts"] == ["read"]
    page.get_by_role("button", name="Revoke").first.click()
    expect(page.get_by_role("status")).to_have_text("The token is revoked.")

    page.get_by_role("link", name="Audit").click()
    acts = page.get_by_role("table").inner_text()
    for done in ("user added", "role changed", "token created", "token revoked"):
        assert done in acts


def test_a_reader_is_shown_no_acts_and_is_refused_them(
    up: Up, browser: Browser, owner: Watched
) -> None:
    login = up.lineal("user", "address", "ann", "--port", up.url.rpartition(":")[2]).strip()
    reader = open_page(browser, login)
    page = reader.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    names = page.get_by_role("navigation").first.get_by_role("link").all_inner_texts()
    assert "Documents" in names
    assert not {"Dead letters", "Users and tokens", "Audit"} & set(names)
    page.goto(f"{up.url}/console/documents")
    expect(page.get_by_role("button", name="Download")).to_be_visible()
    assert page.get_by_role("button", name="Erase").count() == 0
    assert page.get_by_text("Add files").count() == 0
    attempts: tuple[tuple[str, dict[str, str | float | bool]], ...] = (
        ("/console/documents/erase", {"every": "1", "decided": "1", "reason": "x"}),
        ("/console/dead-letters/decide", {"act": "drop", "group": "classify", "error": "Reject"}),
        ("/console/users/add", {"name": "eve", "role": "owner"}),
        ("/console/proof/verify", {}),
    )
    for path, fields in attempts:
        answer = page.request.post(up.url + path, form=fields)
        assert answer.status == 403, path
    assert page.request.get(f"{up.url}/console/users").status == 403
    foreign = page.request.post(
        f"{up.url}/console/users/add", headers={"origin": "http://elsewhere.example"}
    )
    assert foreign.status == 403
    assert reader.problems == []
