"""``lineal crawl`` on sites that are large, lead in circles, or see it killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_schemas.diagrams import ImageFound
from lineal_schemas.envelope import decode
from tests.producers.crawl.site import Body, Site, page, serving

_LINEAL = Path(sys.executable).parent / "lineal"
_DAYS = 400
"""Of a calendar whose links never end."""


def _begin(site: Site, data: Path) -> subprocess.Popen[str]:
    command = [
        str(_LINEAL), "crawl", f"{site.url}/", "--private", "--delay", "0", "--depth", "50",
        "--data", str(data), "--json",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _crawl(site: Site, data: Path) -> dict[str, Any]:
    process = _begin(site, data)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, err
    result: dict[str, Any] = json.loads(out)
    return result


async def _announced(data: Path) -> Counter[str]:
    async with open_runtime(Settings(data=data)) as runtime:
        events = [decode(item.event).data async for item in runtime.bus.read(ImageFound.type)]
    return Counter(event.url for event in events if isinstance(event, ImageFound))


@pytest.mark.parametrize(
    "kills", [{23}, pytest.param({6, 7, 23, 40, 61, 79}, marks=pytest.mark.long)], ids=["1", "6"]
)
async def test_a_crawl_that_is_killed_announces_each_image_once(
    kills: set[int], tmp_path: Path
) -> None:
    pages = 40
    with serving() as site:
        running: list[subprocess.Popen[str]] = []
        asked = 0
        lock = threading.Lock()

        def killing(path: str) -> Body | None:
            nonlocal asked
            with lock:
                asked += 1
                if asked in kills:
                    os.kill(running[-1].pid, signal.SIGKILL)
            number = int(path.strip("/").removesuffix(".png") or 0)
            if path.endswith(".png"):
                return b"image %d" % number
            links = [f"/{number + 1}", "/"] if number + 1 < pages else ["/"]
            return page(*links, images=f'<img src="/{number}.png">', title=f"Page {number}")

        site.everything = killing
        for _ in kills:
            running.append(_begin(site, tmp_path))
            running[-1].communicate(timeout=120)
            assert running[-1].returncode == -signal.SIGKILL
        running.append(_begin(site, tmp_path))
        out, err = running[-1].communicate(timeout=120)
        assert running[-1].returncode == 0, err
        assert json.loads(out)["complete"]
        found = await _announced(tmp_path)
        assert found == {f"{site.url}/{number}.png": 1 for number in range(pages)}
        # What was answered before a kill is not asked for again, but for what was on its way.
        again = sum(count - 1 for count in Counter(site.paths()).values())
        assert again <= 2 * len(kills)


def _labyrinth(count: int, seed: int) -> Callable[[str], Body | None]:
    """Pages that all lead to others, in circles and into traps; each shows an image of its own."""
    chance = random.Random(seed)
    parents = [0, *(chance.randrange(number) for number in range(1, count))]
    links: list[list[str]] = [[] for _ in range(count)]
    for number in range(1, count):
        links[0 if number == 1 else parents[number]].append(f"/page/{number}")
    for number in range(count):
        links[number] += [f"/page/{chance.randrange(count)}" for _ in range(3)]
        links[number] += ["/", f"/page/{number}", f"/page/{number}?sid={number}&utm_source=x"]
    traps = ("/calendar?day=0", "/deep/deeper/", "/round", "/same/a/", "/gone")
    for number in range(0, count, 10):
        links[number].append(traps[number // 10 % len(traps)])

    def answer(path: str) -> Body | None:
        plain, _, query = path.partition("?")
        if plain.endswith(".png"):
            return b"image of " + plain.encode()
        if plain == "/calendar":
            day = int(query.rpartition("=")[2] or 0)
            return page(*(f"/calendar?day={(day + n) % _DAYS}" for n in range(1, 20)))
        if plain.startswith("/deep"):
            return page("deep/", "deeper/", title=plain)
        if plain == "/round":
            return (302, {"Location": "/square"}, b"")
        if plain == "/square":
            return (302, {"Location": "/round"}, b"")
        if plain.startswith("/same"):
            return page("a/", "b/")
        number = 0 if plain == "/" else int(plain.removeprefix("/page/")) if "page" in plain else -1
        if not 0 <= number < count:
            return None
        image = f'<img src="/images/{number}.png" alt="image {number}">'
        return page(*links[number], images=image, title=f"Page {number}")

    return answer


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.long)])
async def test_a_site_of_loops_and_traps_is_read_whole_and_left(count: int, tmp_path: Path) -> None:
    with serving() as site:
        site.everything = _labyrinth(count, seed=count)
        first = _crawl(site, tmp_path)
        assert first["complete"], first["failures"]
        assert first["traps"]
        found = await _announced(tmp_path)
        assert found == {f"{site.url}/images/{number}.png": 1 for number in range(count)}
        asked = site.paths()
        once = Counter(path.partition("?")[0] for path in asked if "/page/" in path)
        assert set(once.values()) == {1}
        beside = [path for path in asked if "/page/" not in path and "/images/" not in path]
        assert len(beside) < 60

        site.files["/page/1"] = page("/round")
        site.asked.clear()
        second = _crawl(site, tmp_path)
        assert (second["images"], second["gone"], second["complete"]) == (0, 1, True)
        assert await _announced(tmp_path) == found
        assert {status for path, status in site.asked if "/images/" in path} <= {304}
