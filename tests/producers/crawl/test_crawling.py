"""A crawl of a site on this machine: what it asks for, what it announces, and where it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from lineal.errors import UnknownTopic
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_producers.crawl.crawling import CrawlResult, crawl_site
from lineal_producers.crawl.fetching import Fetcher
from lineal_producers.crawl.requests import Answer, request
from lineal_producers.crawl.settings import SiteSettings
from lineal_schemas.diagrams import ImageFound, ImageGone
from lineal_schemas.envelope import decode
from tests.producers.crawl.site import Site, page, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as opened:
        yield opened


async def crawl(runtime: Runtime, site: Site, **settings: Any) -> CrawlResult:
    given = {"urls": [f"{site.url}/"], "delay": 0, "private_addresses": True, **settings}
    return await crawl_site(runtime, SiteSettings.model_validate(given), "user:tester")


async def events(runtime: Runtime, kind: type[Any]) -> list[Any]:
    try:
        return [decode(item.event).data async for item in runtime.bus.read(kind.type)]
    except UnknownTopic:
        return []


FIGURE = (
    '<figure><img src="/a.png" alt="an order"><figcaption>How <b>orders</b> are taken</figcaption>'
    "</figure><script>hidden()</script><p>Orders arrive &amp; wait</p>"
)


async def test_images_come_with_what_is_said_of_them(runtime: Runtime, site: Site) -> None:
    site.files |= {"/": page("shop#top"), "/shop": page(images=FIGURE, title="Shop")}
    site.files["/a.png"] = b"png bytes"
    result = await crawl(runtime, site)
    assert (result.pages, result.images, result.complete) == (2, 1, True)
    (found,) = await events(runtime, ImageFound)
    assert found.url == f"{site.url}/a.png"
    assert await runtime.objects.get(found.content) == b"png bytes"
    (place,) = found.appearances
    assert place.page == f"{site.url}/shop"
    assert (place.title, place.alt, place.caption) == ("Shop", "an order", "How orders are taken")
    assert place.text == "next How orders are taken Orders arrive & wait".replace("next ", "")
    assert site.agents == {"lineal-crawler"}


async def test_what_has_not_changed_is_neither_sent_nor_announced(
    runtime: Runtime, site: Site
) -> None:
    site.files |= {"/": page(images=FIGURE), "/a.png": b"one"}
    await crawl(runtime, site)
    site.asked.clear()
    again = await crawl(runtime, site)
    assert dict(site.asked)["/"] == 304
    assert dict(site.asked)["/a.png"] == 304
    assert (again.images, again.unchanged_pages, again.unchanged_images) == (0, 1, 1)
    site.files["/a.png"] = b"two"
    assert (await crawl(runtime, site)).images == 1
    site.files["/"] = page(images=FIGURE.replace("an order", "a refund"))
    assert (await crawl(runtime, site)).images == 1
    found = await events(runtime, ImageFound)
    assert [item.appearances[0].alt for item in found] == ["an order", "an order", "a refund"]


async def test_an_image_goes_with_its_page_its_file_or_its_mention(
    runtime: Runtime, site: Site
) -> None:
    images = "".join(f'<img src="/{name}.png">' for name in ("mention", "file", "kept"))
    site.files |= {"/": page("/other", images=images)}
    site.files["/other"] = page(images='<img src="/page.png">')
    site.files |= {f"/{name}.png": name.encode() for name in ("mention", "file", "kept", "page")}
    await crawl(runtime, site)
    site.files["/"] = page("/other", images=images.replace('<img src="/mention.png">', ""))
    del site.files["/file.png"], site.files["/other"]
    assert (await crawl(runtime, site)).gone == 3
    gone = {item.url.rpartition("/")[2]: item.reason for item in await events(runtime, ImageGone)}
    shown = "no page shows it"
    assert gone == {"mention.png": shown, "file.png": "not found", "page.png": shown}
    assert (await crawl(runtime, site)).gone == 0


async def test_a_server_in_trouble_makes_nothing_gone(runtime: Runtime, site: Site) -> None:
    site.files |= {"/": page("/b"), "/b": page(images='<img src="/a.png">'), "/a.png": b"a"}
    await crawl(runtime, site)
    site.files["/b"] = (503, {}, b"")
    result = await crawl(runtime, site)
    assert (result.gone, result.failures) == (0, [f"{site.url}/b answers 503"])
    site.files["/robots.txt"] = (500, {}, b"")
    result = await crawl(runtime, site)
    assert (result.pages, result.gone) == (0, 0)


async def test_a_page_that_fails_ever_again_is_named_and_holds_up_nothing(
    runtime: Runtime, site: Site
) -> None:
    pages = {"/": page("/bad", "/good"), "/good": page(images='<img src="/a.png">')}
    site.files |= {**pages, "/bad": (500, {}, b""), "/a.png": b"a"}
    first = await crawl(runtime, site)
    site.files["/good"] = page()
    second = await crawl(runtime, site)
    assert [(one.complete, one.gone, one.left_out) for one in (first, second)] == [
        (False, 0, [])
    ] * 2
    for _ in range(2):
        third = await crawl(runtime, site)
        assert (third.complete, third.left_out) == (True, [f"{site.url}/bad"])
    assert [item.reason for item in await events(runtime, ImageGone)] == ["no page shows it"]
    assert any("left out, as it failed in 4 crawls" in reason for reason in third.failures)

    site.files["/bad"] = page(images='<img src="/a.png">')
    healed = await crawl(runtime, site)
    assert (healed.complete, healed.images, healed.left_out) == (True, 1, [])
    site.files["/bad"] = (500, {}, b"")
    for _ in range(4):  # a page that was read stays as it was, however often it fails
        assert (await crawl(runtime, site)).gone == 0


async def test_robots_txt_is_obeyed(runtime: Runtime, site: Site) -> None:
    site.files["/robots.txt"] = (
        b"User-agent: *\nDisallow: /private\nDisallow: /*.cgi$\nAllow: /private/open\n"
        b"Sitemap: /map.xml\n"
    )
    site.files["/map.xml"] = (
        f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
        f"<url><loc>{site.url}/mapped</loc></url></urlset>"
    ).encode()
    site.files["/"] = page("/private/a", "/private/open", "/x.cgi", "/y.cgi2")
    site.files |= {name: page() for name in ("/private/open", "/y.cgi2", "/mapped", "/x.cgi")}
    result = await crawl(runtime, site)
    assert sorted(site.paths()) == ["/", "/map.xml", "/mapped", "/private/open", "/y.cgi2"]
    assert result.disallowed == 2


async def test_links_that_lead_on_for_ever_are_left(runtime: Runtime, site: Site) -> None:
    """A calendar, a path that grows, a session in every link, a page under every address."""

    def anything(path: str) -> bytes | None:
        if path.startswith("/calendar"):
            day = int(path.rpartition("=")[2] or 0)
            return page(*(f"/calendar?day={day + n}" for n in range(1, 30)))
        if path.startswith("/deep"):
            return page(f"{path.rstrip('/')}/deep")
        if path.startswith("/wild"):
            return page(*(f"{path}{letter}" for letter in "abcdefgh"))
        return None

    site.everything = anything
    site.files["/"] = page(
        "/calendar?day=0", "/deep", "/wild", "/?sid=1", "/?sid=2&utm_source=x", "//[broken",
        "mailto:a",
    )  # fmt: skip
    result = await crawl(runtime, site, max_depth=40, max_pages=300, max_queries=10)
    asked = site.paths()
    assert asked.count("/") == 1
    assert len([path for path in asked if path.startswith("/calendar")]) <= 10
    assert len([path for path in asked if path.startswith("/deep")]) == 2
    assert len(asked) <= 300
    assert result.traps
    assert not result.complete  # wild pages are many: the limit of pages ended it
    assert "max_pages" in result.failures[0]


async def test_one_page_under_many_addresses_is_followed_once(runtime: Runtime, site: Site) -> None:
    site.everything = lambda path: page("a/", "b/") if path.endswith("/") else None
    result = await crawl(runtime, site, max_depth=30)
    assert result.complete
    assert result.pages <= 3


async def test_it_stays_on_the_site_also_when_redirected(runtime: Runtime, site: Site) -> None:
    with serving() as other:
        other.files |= {"/": page(), "/o.png": b"o"}
        site.files |= {
            "/": page("/away", "/loop", f"{other.url}/", images=f'<img src="{other.url}/o.png">'),
            "/away": (302, {"Location": f"{other.url}/"}, b""),
            "/loop": (302, {"Location": "/loop"}, b""),
        }
        result = await crawl(runtime, site)
        assert other.asked == []
        assert result.pages == 1
        allowed = [other.url.removeprefix("http://")]
        assert (await crawl(runtime, site, image_hosts=allowed)).images == 1


async def test_private_addresses_are_not_asked(runtime: Runtime, site: Site) -> None:
    site.files["/"] = page()
    result = await crawl(runtime, site, private_addresses=False)
    assert site.asked == []
    assert "not public" in result.failures[0]
    port = site.url.rpartition(":")[2]
    for host in ("localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "[64:ff9b::7f00:1]"):
        result = await crawl(runtime, site, private_addresses=False, urls=[f"http://{host}:{port}"])
        assert result.pages == 0
    assert site.asked == []


async def test_an_interrupted_crawl_goes_on(runtime: Runtime, site: Site) -> None:
    for number in range(10):
        site.files[f"/{number}"] = page(f"/{number + 1}", images=f'<img src="/{number}.png">')
        site.files[f"/{number}.png"] = b"%d" % number
    site.files["/"] = page("/0")
    settings = SiteSettings(urls=(f"{site.url}/",), delay=0, private_addresses=True, max_depth=20)
    asked = 0

    def breaks(*args: Any, **options: Any) -> Answer:
        nonlocal asked
        asked += 1
        if asked == 8:
            raise KeyboardInterrupt
        return request(*args, **options)

    crawling = asyncio.ensure_future(
        crawl_site(runtime, settings, "user:tester", fetcher=Fetcher(settings, _cancelling(breaks)))
    )
    with pytest.raises(asyncio.CancelledError):
        await crawling
    first = site.paths()
    site.asked.clear()
    result = await crawl_site(runtime, settings, "user:tester")
    assert (result.pages, result.images, result.complete) == (11, 10, True)
    assert len(first) >= 5
    assert not set(first) & set(site.paths())


def _cancelling(fetch: Any) -> Any:
    def asking(*args: Any, **options: Any) -> Answer:
        try:
            answer: Answer = fetch(*args, **options)
        except KeyboardInterrupt:
            raise asyncio.CancelledError from None
        return answer

    return asking


async def test_a_size_and_a_slow_server_are_limited(runtime: Runtime, site: Site) -> None:
    images = '<img src="/large.png"><img src="/small.png">'
    site.files |= {"/": page(images=images), "/large.png": bytes(5000), "/small.png": bytes(10)}
    result = await crawl(runtime, site, max_image_bytes=1000)
    assert result.images == 1
    assert "more than 1000 bytes" in result.failures[0]


async def test_what_fails_is_named_with_its_address(runtime: Runtime, site: Site) -> None:
    site.files |= {
        "/": page("/cut", "/broken"),
        "/cut": (200, {"Content-Length": "999"}, b"cut off"),
        "/broken": (200, {"Content-Encoding": "gzip"}, b"no gzip"),
    }
    result = await crawl(runtime, site)
    assert [line.split(": ")[0] for line in result.failures] == [
        f"{site.url}/cut", f"{site.url}/broken",
    ]  # fmt: skip
