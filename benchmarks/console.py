"""How fast the console shows pages, in a real browser in front of a running `lineal up`.

The 100,000 documents of the list are rows as their steps would have written them; everything else
comes in through the product's own ways.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.measurement import LINEAL, Benchmark, Result, alone
from benchmarks.processes import cpu_seconds

DOCUMENTS = 100_000
PAGES = 300
_VISITS = 9
_RATE = 1_000
_LIVE_SECONDS = 8
_IDLE_PAGES = 10
_IDLE_SECONDS = 20.0
_TOPIC = "telemetry.gap"
"""Of the events that are counted on the screen: a type that no stage does much with."""


def measure_console() -> Sequence[Result]:
    """Milliseconds to the first paint of a list and of a document, seconds from an event to the
    screen, and the share of a core that ten open pages take."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as name:
        folder = Path(name)
        _make_data(folder)
        _fill(folder)
        with _running(folder) as (process, login), _browser() as browser:
            page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
            page.goto(login)
            url = login.partition("/login")[0]
            lists = [_first_paint(page, f"{url}/console/documents") for _ in range(_VISITS)]
            document = _long_document(url, folder)
            shown = [
                _first_paint(page, f"{url}/console/documents/{document}?page={30 * n + 1}")
                for n in range(_VISITS)
            ]
            latencies = _latencies(page, url, folder)
            idle = _idle_share(process.pid, browser, page, url)
    return [
        alone("console.first_paint", "ms", "< 300", lists[1:]),
        alone("console.page", "ms", "< 500", shown[1:]),
        alone("console.live", "s", "< 1", latencies),
        alone("console.idle", "of a core", "< 0.02", [idle]),
    ]


def _make_data(folder: Path) -> None:
    """A data folder as a first start leaves it."""
    with _running(folder):
        pass


def _fill(folder: Path) -> None:
    """Write the rows of many indexed documents."""
    import sqlite3

    connection = sqlite3.connect(folder / "data" / "lineal.db")
    now = time.time_ns() // 1000
    classes, languages = ("invoice", "letter", "form", "report", "other"), ("en", "de", "fr")
    ids = [str(UUID(int=(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)))
           for number in range(DOCUMENTS)]  # fmt: skip
    facts = json.dumps({"kind": "pdf", "media_type": "application/pdf", "pages": 3,
                        "document_class": "invoice", "language": "en"})  # fmt: skip
    with connection:
        connection.executemany(
            "INSERT INTO registry (document_id, tenant, name, sha256, bytes, media_type, "
            "registered) VALUES (?, 'default', ?, ?, 4711, 'application/pdf', ?)",
            ((item, f"invoice {n:06d} of a supplier.pdf", f"{n:064x}", now - n * 1_000_000)
             for n, item in enumerate(ids)),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO arrivals (document_id, event_id, name, source, arrived) "
            "VALUES (?, ?, ?, 'file:///inbox', ?)",
            ((item, item, f"invoice {n:06d} of a supplier.pdf", now) for n, item in enumerate(ids)),
        )
        connection.executemany(
            "INSERT INTO operations (document_id, status, stage, facts, started, updated) "
            "VALUES (?, ?, 'index', ?, ?, ?)",
            ((item, "rejected" if n % 50 == 0 else "indexed", facts, now, now)
             for n, item in enumerate(ids)),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO search_facets VALUES (?, ?, ?)",
            ((item, key, value)
             for n, item in enumerate(ids)
             for key, value in (("class", classes[n % 5]), ("language", languages[n % 3]),
                                ("media_type", "application/pdf"))),
        )  # fmt: skip
    connection.close()


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [LINEAL, "up", "--inbox", folder / "inbox", "--port", "0", "--data", folder / "data",
         "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
        env=os.environ | {"LINEAL_LOG_LEVEL": "error"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, str(json.loads(process.stdout.readline())["login"])
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise RuntimeError("no Chromium: infra/local/system_packages.sh installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def _first_paint(page: Any, url: str) -> float:
    """Milliseconds from the beginning of the navigation to the first content on the screen."""
    page.goto(url, wait_until="load")
    found = page.evaluate(
        """() => new Promise(done => new PerformanceObserver(list => {
            for (const entry of list.getEntriesByName("first-contentful-paint"))
                done(entry.startTime);
        }).observe({type: "paint", buffered: true}))"""
    )
    return float(found)


def _long_document(url: str, folder: Path) -> str:
    """The id of a document of many pages that is indexed."""
    import httpx
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1)
    for number in range(PAGES):
        canvas.setFont("Helvetica", 10)
        for line in range(40):
            text = f"Page {number + 1}, line {line + 1}: the quick brown fox owes EUR {line}.50."
            canvas.drawString(60, 780 - 18 * line, text)
        canvas.showPage()
    canvas.save()
    token = (folder / "data" / "api-token").read_text().strip()
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}) as client:
        sent = client.post("/documents", files={"file": ("long.pdf", file.getvalue())}, timeout=60)
        document = str(sent.json()[0]["document_id"])
        while client.get(f"/documents/{document}").json().get("status") != "indexed":
            time.sleep(0.5)
    return document


def _latencies(page: Any, url: str, folder: Path) -> list[float]:
    """Seconds from the publishing of events to their number on the flow page, at a steady rate of
    events by another process."""
    page.goto(f"{url}/console/flow")
    page.evaluate(
        """topic => {
            window.seen = [];
            const note = () => {
                const cell = document.querySelector(`[data-topic="${topic}"]`);
                const number = cell ? Number(cell.textContent.replace(/\\D/g, "")) : 0;
                const last = window.seen.at(-1);
                if (!last || last[0] !== number) window.seen.push([number, Date.now() / 1000]);
            };
            new MutationObserver(note).observe(document.body, {childList: true, subtree: true});
        }""",
        _TOPIC,
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.console", str(folder / "data")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    published: list[tuple[int, float]] = [tuple(item) for item in json.loads(done.stdout)]
    page.wait_for_timeout(3000)
    seen: list[tuple[int, float]] = [tuple(item) for item in page.evaluate("window.seen")]
    found = []
    for number, at in published:
        shown = next((time for count, time in seen if count >= number), None)
        if shown is not None:
            found.append(shown - at)
    assert len(found) > len(published) // 2, (published[-1], seen[-3:])
    return found


async def _publish(data: str) -> list[tuple[int, float]]:
    """Publish at a rate for some seconds; returns how many there were at which time."""
    from lineal.runtime import open_runtime
    from lineal.settings import Settings
    from lineal_schemas.envelope import first_event
    from lineal_schemas.telemetry import TelemetryGap

    published: list[tuple[int, float]] = []
    batch = _RATE // 20
    async with open_runtime(Settings(data=Path(data))) as runtime:
        begun = time.monotonic()
        for turn in range(_LIVE_SECONDS * 20):
            events = []
            for number in range(turn * batch + 1, (turn + 1) * batch + 1):
                gap = TelemetryGap(
                    device=f"device-{number % 50}", boot_id="b" * 32, first_seq=number,
                    last_seq=number, reason="queue_full", wall_us=time.time_ns() // 1000,
                )  # fmt: skip
                events.append(first_event(gap, id=f"gap-{number}", source="bench:live"))
            await runtime.bus.publish([(_TOPIC, event) for event in events])
            published.append(((turn + 1) * batch, time.time()))
            await asyncio.sleep(max(0.0, begun + (turn + 1) / 20 - time.monotonic()))
    return published


def _idle_share(pid: int, browser: Any, page: Any, url: str) -> float:
    """What the service takes more with open pages than without, in shares of a core."""
    page.goto("about:blank")
    time.sleep(3)
    alone_cost = _cost(pid)
    state = page.context.storage_state()
    pages = []
    for number in range(_IDLE_PAGES):
        opened = browser.new_context(storage_state=state).new_page()
        opened.goto(f"{url}/console/flow" if number % 2 else f"{url}/console/documents")
        pages.append(opened)
    time.sleep(3)
    return max(0.0, _cost(pid) - alone_cost)


def _cost(pid: int) -> float:
    before = cpu_seconds(pid)
    time.sleep(_IDLE_SECONDS)
    return (cpu_seconds(pid) - before) / _IDLE_SECONDS


BENCHMARKS = (
    Benchmark(
        ("console.first_paint", "console.page", "console.live", "console.idle"),
        measure_console,
        limit_s=600,
    ),
)

if __name__ == "__main__":
    print(json.dumps(asyncio.run(_publish(sys.argv[1]))))
