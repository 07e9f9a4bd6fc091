"""Every page asks for the act of each of its handlers, and escapes what its address says."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx
import pytest

from lineal.access.acts import acts_of
from lineal.runtime import Runtime
from lineal_console.page import Page, PageRoute, installed_pages
from tests.producers.http.test_diagram_pages import browser
from tests.producers.http.test_reviews import token

HOSTILE = "<script>alert(1)</script>\u202e'\"{{7*7}}"
_PARAMETER = re.compile(r"\{[^}]+\}")
ROUTES = [(page, route) for page in installed_pages() for route in page.routes]
BEYOND_READERS = [
    pytest.param(page, route, id=f"{route.method} {page.url}{route.path}")
    for page, route in ROUTES
    if route.act not in acts_of("reader")
]


def address(page: Page, route: PageRoute, said: str) -> str:
    return page.url.rstrip("/") + _PARAMETER.sub(quote(said, safe=""), route.path) or "/"


async def ask(client: httpx.AsyncClient, page: Page, route: PageRoute) -> httpx.Response:
    return await client.request(route.method, address(page, route, "1"))


@pytest.mark.parametrize(("page", "route"), BEYOND_READERS)
async def test_a_reader_is_refused_what_is_beyond_readers(
    runtime: Runtime, page: Page, route: PageRoute
) -> None:
    async with browser(runtime, await token(runtime, "ann", *acts_of("reader"))) as client:
        answer = await ask(client, page, route)
        assert answer.status_code == 403
        assert "may not" in answer.text


async def test_whatever_an_address_says_is_shown_as_text(runtime: Runtime) -> None:
    wrong = []
    async with browser(runtime, await token(runtime, "eve", *acts_of("owner"))) as client:
        for page, route in ROUTES:
            if route.method == "POST" or "live" in route.path or "events" in route.path:
                continue  # a stream has no end
            where = address(page, route, HOSTILE)
            query = {"q": HOSTILE, "url": HOSTILE, "service": HOSTILE, "status": HOSTILE}
            answer = await client.get(where, params=query)
            html = answer.headers.get("content-type", "").startswith("text/html")
            if answer.status_code >= 500 or (html and "<script>alert" in answer.text):
                wrong.append(f"{answer.status_code} {page.url}{route.path}")
    assert not wrong, "\n".join(wrong)
