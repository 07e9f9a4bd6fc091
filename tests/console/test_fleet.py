"""Devices, models and rollouts on pages, of a fleet that is simulated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import NARROW, Up, another_size, faults, open_page, running, too_wide

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("fleet"), "--simulate", "2") as service:
        yield service


def test_devices_models_and_rollouts_are_shown_and_decided_about(
    fleet: Up, browser: Browser
) -> None:
    watched = open_page(browser, fleet.login)
    page = watched.page
    page.get_by_role("link", name="Fleet").click()
    for _ in range(300):
        if page.get_by_text("completed").count() >= 2:
            break
        page.wait_for_timeout(500)
        page.reload()
    wrong = [f"fleet: {item}" for item in faults(page)]
    page.get_by_role("link", name="turbine-1").click()
    expect(page.locator(".curves canvas").first).to_be_visible()
    expect(page.locator(".anomalies li").first).to_be_visible()
    wrong += [f"device: {item}" for item in faults(page)]
    narrow = another_size(watched, browser, viewport={"width": NARROW, "height": 800})
    narrow.page.goto(page.url)
    assert too_wide(narrow.page) == 0

    page.get_by_role("link", name="Fleet").click()
    page.locator("a.mono").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Rollout "))
    wrong += [f"rollout: {item}" for item in faults(page)]

    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("link", name="turbine", exact=True).click()
    wrong += [f"model: {item}" for item in faults(page)]
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("is in use again"))
    page.locator("button", has_text="Promote").first.click()
    expect(page.get_by_role("status")).to_have_text(re.compile("is in use"))
    by = page.locator("li.timeline-step").first
    expect(by).to_contain_text("user:")
    assert not wrong, "\n".join(wrong)
    assert watched.problems == []


def test_a_reader_may_not_promote(fleet: Up, browser: Browser, tmp_path: Path) -> None:
    fleet.lineal("user", "add", "ann", "reader", "--no-password")
    port = fleet.url.rpartition(":")[2]
    login = fleet.lineal("user", "address", "ann", "--port", port).strip()
    page = open_page(browser, login).page
    page.goto(f"{fleet.url}/console/models/turbine")
    assert page.get_by_role("button", name="Promote").count() == 0
    answer = page.request.post(f"{fleet.url}/console/models/turbine/rollback", form={})
    assert answer.status == 403
