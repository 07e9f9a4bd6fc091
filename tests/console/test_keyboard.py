"""From logging in to a corrected document by keyboard alone, each stop with a visible focus."""

from __future__ import annotations

import httpx
from playwright.sync_api import Browser, Locator, Page, expect

from tests.console.browser import Up, open_page, until

_MAX_STOPS = 200
_IS_SEEN = """element => {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const inParent = element.closest("label, summary, .button");
    const parent = inParent && getComputedStyle(inParent);
    const around = parent && parent.outlineStyle !== "none" && parseFloat(parent.outlineWidth) > 0;
    return (ringed || around) && box.bottom > 0 && box.top < innerHeight;
}"""


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus; whatever has it on the way shows it."""
    for _ in range(_MAX_STOPS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count():
            assert focused.evaluate(_IS_SEEN), focused.evaluate("e => e.outerHTML.slice(0, 200)")
    raise AssertionError(f"the keyboard does not lead to {wanted}")


def press(page: Page, wanted: Locator) -> None:
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def test_a_document_is_found_corrected_and_labelled_by_keyboard_alone(
    up: Up, browser: Browser
) -> None:
    with httpx.Client(
        base_url=up.url, headers={"authorization": f"Bearer {up.token()}"}, timeout=60
    ) as client:
        for number in range(2):
            content = f"greetings from the coast, number {number}".encode()
            client.post("/documents", files={"file": (f"card {number}.txt", content)})
        until(lambda: len(client.get("/documents?status=indexed").json()) == 2)
        watched = open_page(browser, up.login)
        page = watched.page
        pages = page.get_by_role("navigation", name="Pages")
        press(page, pages.get_by_role("link", name="Documents", exact=True))
        expect(page.get_by_role("heading", level=1)).to_have_text("Documents")
        press(page, page.get_by_role("link", name="card 1.txt", exact=True))
        expect(page.get_by_role("heading", level=1)).to_have_text("card 1.txt")
        press(page, page.get_by_role("button", name="Correct", exact=True))
        tab_to(page, page.get_by_label("Class", exact=True))
        page.keyboard.press("Control+A")
        page.keyboard.type("postcard")
        press(page, page.get_by_role("button", name="This is right"))
        expect(page.locator(".notice")).to_contain_text("Corrected.")
        until(lambda: client.get("/search?q=greetings&filter=class=postcard").json())

        press(page, page.get_by_role("link", name="Labels", exact=True))
        tab_to(page, page.get_by_label("Name", exact=True))
        page.keyboard.type("kinds")
        tab_to(page, page.get_by_label("Classes, with commas"))
        page.keyboard.type("postcard, letter")
        tab_to(page, page.get_by_role("checkbox", name="all documents"))
        page.keyboard.press("Space")
        press(page, page.get_by_role("button", name="Make the job"))
        press(page, page.get_by_role("button", name="Label the next item"))
        press(page, page.get_by_role("button", name="postcard"))
        press(page, page.get_by_role("button", name="letter"))
        expect(page.locator(".notice")).to_contain_text("Nothing is left")
        press(page, page.get_by_role("button", name="Close the job"))
        expect(page.locator(".notice")).to_contain_text("2 of 2")

        # Escape closes what covers the page, and the focus is where it was.
        tab_to(page, page.locator("details.account summary"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("details.account summary")).to_be_focused()
        assert watched.problems == []
