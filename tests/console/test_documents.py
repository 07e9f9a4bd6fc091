"""The list of documents in a browser: files are added, found, saved, downloaded and erased."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.console.browser import NARROW, Up, Watched, another_size, open_page, too_wide

HOSTILE = "<script>document.title='x'</script> \u202e" + "very-long-name-" * 8 + ".txt"
INVOICE = b"""INVOICE No. 4711

Bill to: Jane Doe, jane@example.com
Invoice date: 2026-03-01
Total due: EUR 1,234.50
Payment due within 30 days.
"""


@pytest.fixture(scope="module")
def owner(up: Up, browser: Browser) -> Iterator[Watched]:
    watched = open_page(browser, up.login)
    yield watched
    assert watched.problems == []


def test_files_are_added_and_followed_found_and_erased(
    up: Up, browser: Browser, owner: Watched, tmp_path: Path
) -> None:
    page = owner.page
    page.get_by_role("navigation").get_by_role("link", name="Documents", exact=True).click()
    invoice = FilePayload(name="invoice 4711.txt", mimeType="text/plain", buffer=INVOICE)
    hostile = FilePayload(name=HOSTILE, mimeType="text/plain", buffer=b"<b>Dear all</b>, hello.")
    page.get_by_label("Add files").set_input_files([invoice, hostile])
    uploads = page.get_by_role("region", name="Files that are being added")
    expect(uploads.get_by_role("listitem")).to_have_count(2)
    expect(uploads.locator(".status-indexed")).to_have_count(2)
    expect(uploads.locator(".stage.done", has_text="nlp").first).to_be_visible()

    page.reload()
    assert page.title() == "Documents · lineal"
    expect(page.get_by_text("<script>document.title='x'</script>").first).to_be_visible()
    assert too_wide(page) == 0
    narrow = another_size(owner, browser, viewport={"width": NARROW, "height": 800})
    narrow.page.goto(page.url)
    assert too_wide(narrow.page) == 0

    page.get_by_role("searchbox", name="Name").fill("4711")
    expect(page.get_by_role("link", name="invoice 4711.txt")).to_be_visible()
    expect(page.locator("table.documents tbody tr")).to_have_count(1)
    assert "text=4711" in page.url
    page.get_by_role("list", name="Class").get_by_role("link", name="invoice").click()
    expect(page.locator("table.documents tbody tr")).to_have_count(1)

    page.get_by_text("Save this search").click()
    page.locator("details.save").get_by_label("Name").fill("Invoices <b>")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("The search is saved.")
    page.goto(f"{up.url}/console/documents")
    page.get_by_role("link", name="Invoices <b>").click()
    expect(page.locator("table.documents tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Remove the search Invoices <b>").click()
    expect(page.get_by_role("link", name="Invoices <b>")).to_have_count(0)

    page.get_by_role("checkbox", name="all documents").check()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    path = downloading.value.path()
    names = zipfile.ZipFile(io.BytesIO(Path(path).read_bytes())).namelist()
    assert len(names) == 2
    assert "invoice 4711.txt" in names
    assert all("/" not in name for name in names)

    page.reload()
    page.get_by_role("checkbox", name="Choose invoice 4711.txt").check()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Erase documents")
    page.get_by_label("Reason").fill("asked for")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("status")).to_have_text("1 document is erased.")
    expect(page.get_by_role("link", name="invoice 4711.txt")).to_have_count(0)
    assert "invoice 4711" not in up.lineal("documents")
    assert narrow.problems == []


def two_pages() -> bytes:
    """A PDF whose second page names a person."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1)
    for line in ("First page of a letter about <script>alert(1)</script> nothing.", "Contact:"):
        canvas.setFont("Helvetica", 14)
        canvas.drawString(72, 700, line)
        canvas.drawString(72, 660, "Jane Doe, jane@example.com, 555-0100")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def test_a_document_shows_its_pages_what_was_found_and_its_story(
    up: Up, browser: Browser, owner: Watched
) -> None:
    (up.inbox / "letter.pdf").write_bytes(two_pages())
    page = owner.page
    link = page.get_by_role("link", name="letter.pdf")

    page.goto(f"{up.url}/console/documents?text=letter&status=indexed")
    for _ in range(60):
        if link.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("letter.pdf")
    expect(page.get_by_role("img", name="Image of page 1; its text is beside it")).to_be_visible()
    assert page.locator(".sheet img").evaluate("image => image.decode().then(() => true)")
    assert page.locator(".layer-entities rect").count() >= 1
    expect(page.locator(".layer-words")).to_be_hidden()
    page.get_by_label("words", exact=True).check()
    expect(page.locator(".layer-words")).to_be_visible()
    entity = page.get_by_role("listitem").filter(has_text="jane@example.com").first
    entity.hover()
    expect(page.locator(".layer-entities rect.hot").first).to_be_visible()

    page.get_by_role("searchbox", name="Search in this document").fill("contact")
    page.get_by_role("link", name="Page 2").click()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    expect(page.locator(".layer-found rect")).to_have_count(1)
    assert "page=2" in page.url

    indexed = 2  # its text, and its labelled values
    story = page.get_by_role("region", name="Story")
    for _ in range(60):
        if story.locator("li.timeline-step").filter(has_text="index 1").count() == indexed:
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(story.locator("li.timeline-step").filter(has_text="index 1")).to_have_count(indexed)
    # What had nothing to do is shown on demand.
    idle = story.locator("li.timeline-step.outcome-skipped").first
    expect(idle).to_be_hidden()
    drawing = page.locator(".graph svg")
    expect(drawing).to_be_visible()
    expect(drawing.locator("a.node").filter(has_text="index 1")).to_have_count(indexed)
    expect(story.locator(".proof-signed").first).to_be_visible()
    drawn = drawing.locator("a.node").count()
    story.get_by_role("checkbox", name="that had nothing to do").check()
    expect(idle).to_be_visible()
    assert drawing.locator("a.node").count() > drawn
    # as the reader's part of the world writes it, 24 hours
    assert re.search(r"\b\d{1,2} \w+ \d{4}, \d{2}:\d{2}:\d{2}$", idle.locator("time").inner_text())
    tree = page.locator("main").aria_snapshot()
    for wanted in ('heading "letter.pdf" [level=1]', 'heading "Entities"', "Page 2 of 2", "Story"):
        assert wanted in tree

    narrow = another_size(owner, browser, viewport={"width": NARROW, "height": 800})
    narrow.page.goto(page.url)
    assert too_wide(narrow.page) == 0
    assert narrow.problems == []


def test_the_first_page_counts_what_is_dropped_onto_it(up: Up, owner: Watched) -> None:
    page = owner.page
    page.goto(up.url)
    figure = page.get_by_role("listitem").filter(has_text="Documents").locator(".figure").first
    before = int(figure.inner_text())
    note = FilePayload(name="counted.txt", mimeType="text/plain", buffer=b"Dear all, hello again.")
    page.get_by_label("Add files").set_input_files([note])
    expect(figure).to_have_text(str(before + 1))
