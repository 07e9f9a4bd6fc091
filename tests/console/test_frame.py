"""The frame of all pages, in a browser, with the policy that users have."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.console.browser import NARROW, Up, another_size, open_page, too_wide


def test_the_printed_address_logs_in_and_the_frame_speaks_the_browsers_language(
    up: Up, browser: Browser
) -> None:
    watched = open_page(browser, up.login, locale="de-DE")
    page = watched.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Überblick")
    # by keyboard: the first stop is the link past the navigation, and it is seen
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Zum Inhalt springen")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    page.locator("details.account summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("combobox", name="Sprache").select_option("en")
    page.get_by_label("Farben").select_option("dark")
    page.get_by_role("button", name="Übernehmen").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    narrow = another_size(watched, browser, viewport={"width": NARROW, "height": 800})
    narrow.page.goto(up.url)
    assert too_wide(narrow.page) == 0
    narrow.page.get_by_text("Menu").click()
    expect(narrow.page.get_by_role("link", name="Overview")).to_be_visible()

    page.locator("details.account summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("User")).to_be_visible()
    page.get_by_label("User").fill("nobody")
    page.get_by_label("Password").fill("nothing that is right")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("let nobody in")
    page.goto(up.login)  # an address that has let somebody in already
    expect(page.get_by_role("alert")).to_contain_text("This address lets nobody in")
    expect(page.get_by_role("alert")).to_contain_text("lineal user address")
    assert watched.problems == narrow.problems == []
