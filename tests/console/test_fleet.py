"""Devices, models and rollouts on pages, of a fleet that is simulated: each act, and its effect."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import (
    NARROW,
    Up,
    Watched,
    another_size,
    faults,
    open_page,
    running,
    too_wide,
    until,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ARTEFACTS = os.environ.get("LINEAL_SCREENSHOTS")
DEVICES = ("turbine-1", "turbine-2")
SETTINGS = """
[stages."deploy.request".models.turbine]
devices = ["turbine-1"]
"""
"""What is promoted goes to one device by itself; to the other it is rolled out by hand."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "lineal.toml").write_text(SETTINGS)
    with running(folder, "--simulate", str(len(DEVICES))) as service:
        yield service


@pytest.fixture(scope="module")
def owner(fleet: Up, browser: Browser) -> Iterator[Watched]:
    """Somebody in front of a fleet that has had a fault, and whose model was learnt anew."""
    watched = open_page(browser, fleet.login)
    until(lambda: _all_over(fleet, 2), 480)
    yield watched
    assert watched.problems == []


def _rollouts(fleet: Up) -> list[dict[str, object]]:
    return list(json.loads(fleet.lineal("deploy", "status", "--json")))


def _all_over(fleet: Up, count: int) -> bool:
    """Whether so many rollouts were begun, and none still runs."""
    statuses = [each["status"] for each in _rollouts(fleet)]
    return len(statuses) >= count and set(statuses) <= {"completed", "aborted"}


def _in_use(fleet: Up) -> list[int]:
    models = json.loads(fleet.lineal("model", "list", "turbine", "--json"))
    return [model["version"] for model in models if model["status"] == "in use"]


def _look(watched: Watched, browser: Browser, name: str) -> None:
    """Without faults of accessibility, and on a telephone, in the dark, in German, too."""
    page = watched.page
    assert faults(page) == []
    narrow = another_size(
        watched, browser, viewport={"width": NARROW, "height": 800}, color_scheme="dark",
        locale="de-DE",
    )  # fmt: skip
    narrow.page.goto(page.url)
    assert too_wide(page) == too_wide(narrow.page) == 0
    assert narrow.problems == []
    if ARTEFACTS:
        page.screenshot(path=Path(ARTEFACTS) / f"{name}.png", full_page=True)
        narrow.page.screenshot(path=Path(ARTEFACTS) / f"{name}-narrow.png", full_page=True)
    narrow.page.context.close()


def test_devices_are_found_by_what_they_are(fleet: Up, browser: Browser, owner: Watched) -> None:
    page = owner.page
    page.get_by_role("link", name="Fleet").click()
    rows = page.get_by_role("region", name="Devices").locator("tbody tr")
    expect(rows).to_have_count(len(DEVICES))
    expect(rows.first).to_contain_text("firmware=")
    expect(rows.first).to_contain_text("none")  # of certificates: the broker is this machine's
    _look(owner, browser, "fleet")
    page.get_by_label("Device or attribute").fill("turbine-2 firmware")
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)
    page.get_by_label("Device or attribute").fill("nothing of the kind")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("There is no such device.")).to_be_visible()


def test_anomalies_are_drawn_and_a_time_is_marked_from_one(
    fleet: Up, browser: Browser, owner: Watched
) -> None:
    page = owner.page
    page.goto(f"{fleet.url}/console/fleet/devices/turbine-1?seconds=3600")
    expect(page.locator(".curves canvas").first).to_be_visible()
    anomaly = page.locator(".anomalies li").filter(has_text="Anomaly").first
    expect(anomaly).to_be_visible()
    anomaly.get_by_role("button", name="Mark this time").click()
    expect(page.get_by_label("Fault (empty")).to_be_focused()
    page.get_by_label("Fault (empty").fill("generator")
    page.get_by_role("button", name="Mark", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("The time is marked.")
    marked = page.get_by_role("listitem").filter(has_text="generator").filter(has_text="user:")
    expect(marked).to_be_visible()
    [mark] = json.loads(fleet.lineal("machine", "marks", "turbine-1", "--json"))
    assert mark["fault"] == "generator"
    _look(owner, browser, "device")
    marked.get_by_role("button", name="Take back").click()
    expect(page.get_by_role("status")).to_have_text("It is taken back.")
    assert json.loads(fleet.lineal("machine", "marks", "turbine-1", "--json")) == []


def test_lost_readings_are_drawn_as_gaps(fleet: Up, owner: Watched) -> None:
    page = owner.page
    gap = {"device": "turbine-1", "boot_id": "b" * 32, "first_seq": 5, "last_seq": 9,
           "reason": "queue_full", "wall_us": 0}  # fmt: skip
    from lineal_schemas.envelope import now_us

    gap["wall_us"] = now_us()
    _publish_gap(fleet, gap)
    page.goto(f"{fleet.url}/console/fleet/devices/turbine-1")
    answer = page.request.get(f"{fleet.url}/console/fleet/devices/turbine-1/curves?seconds=600")
    assert [each["count"] for each in answer.json()["gaps"]] == [5]


def _publish_gap(fleet: Up, gap: dict[str, object]) -> None:
    """As the bridge does that finds numbers missing. In a thread: Playwright has a loop here."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from lineal.runtime import open_runtime
    from lineal.settings import Settings
    from lineal_schemas.envelope import first_event
    from lineal_schemas.telemetry import TelemetryGap

    async def publish() -> None:
        async with open_runtime(Settings(data=fleet.data)) as runtime:
            event = first_event(TelemetryGap.model_validate(gap), id="gap", source="test:gap")
            await runtime.bus.publish([("telemetry.gap", event)])

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, publish()).result()


def test_versions_stand_side_by_side_and_are_put_into_use_and_taken_out(
    fleet: Up, browser: Browser, owner: Watched
) -> None:
    page = owner.page
    page.goto(f"{fleet.url}/console/models")
    page.get_by_role("link", name="turbine", exact=True).click()
    for measured in ("false_alarm_rate", "sensitivity"):
        figures = page.get_by_role("row", name=re.compile(f"^{measured} ")).get_by_role("cell")
        assert all(re.fullmatch(r"[\d.,]+", text) for text in figures.all_inner_texts()[-2:])
    _look(owner, browser, "model")
    [newest] = _in_use(fleet)
    page.locator("form[action$='rollback']").get_by_label("Reason").fill("too many alarms")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("is in use again"))
    assert _in_use(fleet) == [newest - 1]
    newest_change = page.locator("li.timeline-step").first
    expect(newest_change).to_contain_text("gone back to by user:")
    expect(newest_change).to_contain_text("too many alarms")
    # It goes to a device by itself, and to the other by hand, which is then a version behind.
    until(lambda: _all_over(fleet, 3), 480)
    fleet.lineal("deploy", "start", "turbine", "--ring", "all=turbine-2", "--signed-elsewhere")
    until(lambda: _all_over(fleet, 4), 480)
    page.get_by_role("button", name="Promote").first.click()
    expect(page.get_by_role("status")).to_have_text(f"Version {newest} is in use.")
    assert _in_use(fleet) == [newest]
    until(lambda: _all_over(fleet, 5), 480)


def test_a_rollout_is_paused_gone_on_with_and_aborted(
    fleet: Up, browser: Browser, owner: Watched
) -> None:
    # One that takes long: the first ring is to score very many readings beside the old model.
    page = owner.page
    page.goto(f"{fleet.url}/console/fleet")
    page.get_by_role("link", name="Start a rollout").click()
    expect(page.get_by_role("button", name="Start the rollout")).to_be_visible()
    _look(owner, browser, "rollout-new")
    page.get_by_label("First ring").fill("turbine-2")
    page.get_by_label("Readings scored beside").fill("1000000")
    page.get_by_role("button", name="Start the rollout").click()
    expect(page.get_by_role("status").first).to_have_text("The deploy stage is asked.")
    row = page.get_by_role("region", name="Rollouts").locator("tbody tr").first
    expect(row).to_contain_text("running")  # the list follows what happens
    row.get_by_role("link").click()
    state = page.locator("#state .status").first
    devices = page.get_by_role("region", name="Devices").locator("tbody tr")
    device = devices.filter(has_text="turbine-2")
    expect(device).to_contain_text("runs beside the old one")
    _ask(page, "Pause", "the wind is strong")
    expect(state).to_have_text("paused")
    _look(owner, browser, "rollout")
    assert _rollouts(fleet)[0]["status"] == "paused"
    _ask(page, "Go on", "it is calm")
    expect(state).to_have_text("running")
    _ask(page, "Abort", "enough")
    expect(state).to_have_text("aborted")
    expect(page.locator("#state .reason")).to_have_text("enough")
    assert _rollouts(fleet)[0]["status"] == "aborted"
    expect(page.get_by_role("button", name="Abort")).to_have_count(0)


def _ask(page: Page, what: str, why: str) -> None:
    page.get_by_label("Why").fill(why)
    page.get_by_role("button", name=what).click()
    expect(page.get_by_role("status")).to_have_text("The deploy stage is asked.")


def test_a_reader_may_not_promote(fleet: Up, browser: Browser, owner: Watched) -> None:
    fleet.lineal("user", "add", "ann", "reader", "--no-password")
    port = fleet.url.rpartition(":")[2]
    login = fleet.lineal("user", "address", "ann", "--port", port).strip()
    page = open_page(browser, login).page
    page.goto(f"{fleet.url}/console/models/turbine")
    assert page.get_by_role("button", name="Promote").count() == 0
    rollout = _rollouts(fleet)[0]["rollout"]
    for path in ("models/turbine/rollback", "fleet/rollouts/new",
                 f"fleet/rollouts/{rollout}/control",
                 "fleet/devices/turbine-1/marks",
                 "fleet/devices/turbine-1/marks/withdraw"):  # fmt: skip
        assert page.request.post(f"{fleet.url}/console/{path}", form={}).status == 403, path
