"""Every page in a browser: without accessibility faults, at two widths, whatever names and
contents are shown on it; and what operators do on them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from lineal_console.visible_text import TURNING
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
from tests.console.stage_results import PHOTO, SWEEP, TABLE, picture, put_results

ARTEFACTS = os.environ.get("LINEAL_SCREENSHOTS")
HOSTILE = "<img src=x onerror=alert(1)>\u202eevil'\"&{{7*7}}" + "w" * 180
CONTENT = f"""<script>document.title = 'taken'</script>
Name: {"x" * 300}
\u05e9\u05dc\u05d5\u05dd \u202e reversed {{{{ 7 * 7 }}}} jane@example.com
Total: EUR 12.50 <b>bold</b>
"""
SKIPPED = re.compile(
    r"/console/(documents/[^/]+|flow/(topics|events|subjects)/.*|dead-letters/.+|graph/concepts/.+"
    r"|(photos|slides|articles|transcripts|predictions|sweeps|serving|clicks)/.+)$"
)
"""Pages about one of many things: the first of a kind stands for the others."""
TORN = re.compile(r"<p\b[^>]*>(?:(?!</p>).)*?<(form|div|ul|ol|dl|table|details|p|h\d)\b", re.DOTALL)
"""A paragraph ends where one of these begins: what follows is not where it was put."""


@pytest.fixture(scope="module")
def owner(up: Up, browser: Browser) -> Iterator[Watched]:
    """Somebody who has hostile documents, a dead letter, users and tokens, and what stages make
    that is no document."""
    put_results(up.data)
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


def every_page(page: Page, url: str, look: Callable[[str], None]) -> list[str]:
    """The addresses that links from the first page reach, one of each kind; each is looked at."""
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
        look(path)
    return list(seen.values())


def look_at(
    watched: Watched, width: str, rules: Sequence[str], wrong: list[str], path: str
) -> None:
    """Note what is wrong with the page that is open."""
    page = watched.page
    page.locator("h1").wait_for()
    if ARTEFACTS:
        name = re.sub(r"\W+", "-", path.partition("?")[0])[:40] or "-"
        page.screenshot(path=Path(ARTEFACTS) / f"{width}{name}.png", full_page=True)
    if over := too_wide(page):
        wrong.append(f"{width} {path}: {over} pixels too wide")
    if TURNING.search(page.inner_text("body")):
        wrong.append(f"{width} {path}: a name turns what is beside it")
    answer = page.request.get(page.url)
    if not answer.ok:
        wrong.append(f"{width} {path}: answered {answer.status}")
    if torn := TORN.search(answer.text()):
        wrong.append(f"{width} {path}: a <{torn[1]}> in a paragraph: {torn[0][:200]}")
    if "taken" in page.title():
        wrong.append(f"{width} {path}: a script of a document ran")
    wrong += [f"{width} {path}: {fault}" for fault in faults(page, rules)]


class Walk(NamedTuple):
    """Every page, seen on a wide screen."""

    paths: list[str]
    wrong: list[str]


@pytest.fixture(scope="module")
def walk(up: Up, owner: Watched) -> Walk:
    wrong: list[str] = []
    paths = every_page(owner.page, up.url, partial(look_at, owner, "wide", WCAG, wrong))
    return Walk(paths, wrong)


@pytest.mark.timeout(600)
def test_every_page_is_accessible_fits_and_runs_nothing_of_what_it_shows(walk: Walk) -> None:
    reached = {path.partition("?")[0] for path in walk.paths}
    assert {"/", "/console/documents", "/console/flow", "/console/dead-letters", "/console/search",
            "/console/proof", "/console/users", "/console/audit"} <= reached  # fmt: skip
    for kind in ("photos", "slides", "transcripts", "predictions", "sweeps", "serving", "clicks"):
        assert any(path.startswith(f"/console/{kind}/") for path in reached), kind
    assert not walk.wrong, "\n".join(walk.wrong)


@pytest.mark.timeout(600)
def test_every_page_is_so_too_on_a_narrow_screen_in_dark_colours_in_german(
    up: Up, browser: Browser, owner: Watched, walk: Walk
) -> None:
    narrow = another_size(
        owner, browser, viewport={"width": NARROW, "height": 800}, color_scheme="dark",
        locale="de-DE",
    )  # fmt: skip
    wrong: list[str] = []
    for path in walk.paths:
        narrow.page.goto(up.url + path)
        look_at(narrow, "narrow", OF_LOOKS, wrong, path)
    assert not wrong, "\n".join(wrong)
    assert narrow.problems == []


def test_the_flow_is_live_and_leads_from_events_to_what_they_caused(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/flow")
    quiet = page.locator("#stage-transcribe")
    expect(quiet).to_be_hidden()
    page.get_by_label("also stages and topics that have had no event").check()
    expect(quiet).to_be_visible()
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
    cause.get_by_role("button", name="Drop all").click()
    expect(page.get_by_role("status")).to_have_text("1 letter is dropped.")
    expect(cause).to_have_count(0)


def test_everything_is_verified_on_demand(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/proof")
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text("All of it holds.")).to_be_visible()


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
    expect(page.locator("#job .status").first).to_have_text("done")
    unchanged = page.locator(".card").filter(has_text="unchanged").locator(".figure")
    assert int(unchanged.inner_text()) >= 1

    page.goto(f"{up.url}/console/replay?stage=nlp")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#job .status").first).to_have_text("done")
    assert '"kind":"replay"' in up.lineal("lineage", "stage:nlp", "--json").replace(" ", "")

    page.goto(f"{up.url}/console/documents?status=indexed")
    page.locator("table.documents a").first.click()
    # What has no pages to look at is shown as its text, without an empty sheet beside it.
    expect(page.get_by_role("region", name="Text", exact=True)).to_be_visible()
    expect(page.locator(".sheet")).to_have_count(0)
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


def test_what_stages_have_made_is_decided_about(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/photos?defects=1")
    page.get_by_role("link", name=PHOTO[:10]).click()
    for name in ("The photo", "Places that are not normal in red"):
        image = page.get_by_role("img", name=name)
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 256
    page.get_by_role("button", name="It shows a defect").click()
    expect(page.get_by_role("status")).to_have_text("What you said is learnt from.")
    _reload_until(page, lambda: page.locator("dl.about").get_by_text("defect", exact=True).count())
    page.goto(f"{up.url}/console/photos")
    page.get_by_role("checkbox", name=f"Choose {PHOTO[:10]}").check()
    page.get_by_role("button", name="The chosen are normal").click()
    expect(page.get_by_role("status")).to_have_text("What you said is learnt from.")
    row = page.get_by_role("row").filter(has_text=PHOTO[:10])
    _reload_until(page, lambda: row.get_by_role("cell").nth(6).inner_text() == "normal")

    page.goto(f"{up.url}/console/slides/s-1")
    page.get_by_role("link", name="Column 1, row 0 at zoom 1").click()
    closer = page.get_by_role("img", name="Column 1, row 0 at zoom 1")
    assert closer.evaluate("image => image.decode().then(() => image.naturalWidth)") == 256

    _reload_until(page, lambda: (page.goto(f"{up.url}/console/clicks"),
                                 page.locator("main table a").count())[1])  # fmt: skip
    page.locator("main table a").first.click()
    page.get_by_role("button", name="A person made it").click()
    page.locator("main table a").first.click()
    expect(page.get_by_text(": a person's")).to_be_visible()

    page.goto(f"{up.url}/console/sweeps/{SWEEP}")
    scores = page.get_by_role("region", name="Runs").locator("tbody tr td:nth-child(3)")
    assert scores.all_inner_texts() == ["0.75", "0.5", ""]
    page.get_by_role("button", name="Begin no further run").click()
    expect(page.locator(".heading .status")).to_have_text("stopping")

    page.goto(f"{up.url}/console/predictions/{TABLE}")
    page.locator("form.stacked").get_by_label("Entity").fill("c17")
    page.get_by_label("Features that were otherwise").fill("quiet_days=90\norders=missing")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert").last).to_contain_text("names no 'churn' for the table")
    expect(page.get_by_text("orders = missing")).to_be_visible()

    page.goto(f"{up.url}/console/serving/churn")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_have_text("The serving stage is asked.")
    said = up.lineal("tail", "serving.control", "--from", "beginning", "--no-follow", "--json")
    assert '"action":"pause"' in said.replace(" ", "")


def test_a_part_of_an_image_is_changed_and_shown(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/restylings")
    page.get_by_label("Images, at most three").set_input_files(
        FilePayload(name="a.png", mimeType="image/png", buffer=picture((90, 120, 90), 64))
    )
    for side, value in (("From the left", 8), ("From the top", 8), ("Width", 16), ("Height", 16)):
        page.get_by_label(side, exact=True).fill(str(value))
    page.get_by_label("all of the box").check()
    page.get_by_role("button", name="Change", exact=True).click()
    made = page.get_by_role("img", name="What was made")
    _reload_until(page, made.count)
    assert made.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    assert faults(page) == []


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None or shutil.which("opusenc") is None,
    reason="nothing speaks here: infra/local/system_packages.sh installs it",
)
def test_an_article_is_published_and_heard_sentence_by_sentence(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(f"{up.url}/console/articles")
    page.get_by_label("Title").last.fill(f"News {HOSTILE[:60]}")
    page.get_by_label("Text, plain").fill("This comes first.\n\nThat is said at <b>the end</b>.")
    page.get_by_role("button", name="Have it read aloud").click()
    link = page.get_by_role("link", name="News")
    _reload_until(page, link.count)
    link.click()
    until(lambda: page.locator("audio").evaluate("audio => audio.readyState >= 1"))
    page.get_by_role("button", name="That is said").click()
    second = page.locator("button.sentence").last
    expect(second).to_have_attribute("aria-current", "true")
    heard = page.locator("audio").evaluate("audio => audio.currentTime")
    assert heard >= float(second.get_attribute("data-start") or 0) > 0
    assert faults(page) == []


def _reload_until(page: Page, true: Callable[[], object]) -> None:
    """What stages do takes a moment."""

    def look() -> object:
        page.reload()
        return true()

    until(look)


def test_a_reader_is_shown_no_acts_and_is_refused_them(
    up: Up, browser: Browser, owner: Watched
) -> None:
    login = up.lineal("user", "address", "ann", "--port", up.url.rpartition(":")[2]).strip()
    reader = open_page(browser, login)
    page = reader.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    names = page.get_by_role("navigation").first.get_by_role("link").all_inner_texts()
    assert "Documents" in names
    page.goto(f"{up.url}/console/slides/s-1")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.get_by_text("Patient").count() == 0
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
        (f"/console/photos/{PHOTO}/verify", {"label": "defect"}),
        ("/console/photos/verify", {"label": "defect", "id": PHOTO}),
        (f"/console/sweeps/{SWEEP}/stop", {}),
        ("/console/serving/churn/control", {"action": "abort"}),
        ("/console/articles/publish", {"title": "x", "text": "x", "language": "en"}),
    )
    for path, fields in attempts:
        answer = page.request.post(up.url + path, form=fields)
        assert answer.status == 403, path
    closed = ("users", "transcripts", "predictions", "clicks", "restylings")
    for name in closed:
        assert page.request.get(f"{up.url}/console/{name}").status == 403, name
    foreign = page.request.post(
        f"{up.url}/console/users/add", headers={"origin": "http://elsewhere.example"}
    )
    assert foreign.status == 403
    assert reader.problems == []
