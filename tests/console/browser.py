"""A running `lineal up` with a browser in front of it, as a person has them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.lineal_process import LinealProcess, run_lineal

AXE = Path(__file__).parent / "axe" / "axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDE, NARROW = 1400, 360
PATIENCE_SECONDS = 120
"""For a page to become as it is to be, on a machine that has much else to do."""
expect.set_options(timeout=1000 * PATIENCE_SECONDS)


@dataclass
class Up:
    """A running service."""

    process: subprocess.Popen[str]
    url: str
    login: str
    data: Path
    inbox: Path

    def token(self) -> str:
        return (self.data / "api-token").read_text().strip()

    def lineal(self, *arguments: str) -> str:
        """What a command says that works on the same data."""
        done = run_lineal(
            [*arguments, "--data", str(self.data)],
            text=True,
            check=True,
        )
        return done.stdout


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Up]:
    """`lineal up` on a free port until the block is left."""
    inbox, data = folder / "inbox", folder / "data"
    inbox.mkdir(parents=True, exist_ok=True)
    log = (folder / "up.log").open("w")
    process = LinealProcess[str](
        ["up", "--port", "0", "--json", "--data", str(data), "--inbox", str(inbox), *arguments],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        cwd=folder,
        env=os.environ | {"LINEAL_LOG_LEVEL": "warning"},
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Up(process, ready["url"], ready["login"], data, inbox)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, and everything in it that went wrong."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.on("console", self._said)
        self.page.on("dialog", lambda dialog: dialog.accept())

    def _said(self, message: object) -> None:
        text, kind = getattr(message, "text", ""), getattr(message, "type", "")
        # an answer of 403 or 404 that a test asks for is no fault of the page
        if kind == "error" and "Failed to load resource" not in text:
            self.problems.append(f"console: {text}")


def open_page(
    browser: Browser, login: str, *, width: int = WIDE, locale: str = "en-GB", dark: bool = False
) -> Watched:
    """A page of somebody who has just used an address that logs in."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        locale=locale,
        color_scheme="dark" if dark else "light",
        accept_downloads=True,
    )
    context.set_default_timeout(1000 * PATIENCE_SECONDS)
    watched = Watched(context.new_page())
    watched.page.goto(login)
    return watched


def another_size(watched: Watched, browser: Browser, **options: object) -> Watched:
    """A second window of the same person."""
    state = watched.page.context.storage_state()
    context = browser.new_context(storage_state=state, **options)  # type: ignore[arg-type]
    context.set_default_timeout(1000 * PATIENCE_SECONDS)
    return Watched(context.new_page())


def too_wide(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return int(
        page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
    )


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def links_on(page: Page) -> Sequence[str]:
    """The addresses of this site that a page links to."""
    script = "all => all.map(link => link.pathname + link.search)"
    return [str(link) for link in page.eval_on_selector_all("a[href^='/']", script)]


def until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it did not become so in {seconds:g} seconds"
        time.sleep(0.1)


WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
OF_LOOKS = ("color-contrast", "target-size", "scrollable-region-focusable")
"""Rules whose outcome depends on colours and widths."""


def faults(page: Page, rules: Sequence[str] = WCAG) -> list[str]:
    """What axe-core finds: against WCAG 2.2 A and AA, or some of its rules only."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        """only => axe.run(document, {runOnly: only}).then(result => result.violations.map(each =>
            each.id + ": " + each.nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(" | ")
            ))""",
        list(rules),
    )
    return [str(item) for item in found]
