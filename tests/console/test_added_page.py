"""The page of another package, as docs/console.md shows it, stands beside lineal's own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

from lineal.access.acts import acts_of
from lineal.access.tokens import create_token
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_console.console import POLICY, Console
from lineal_console.page import Page, installed_pages
from lineal_producers.http.application import application
from lineal_schemas.envelope import now_us

DOCS = Path(__file__).parents[2] / "docs" / "console.md"


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The page of the package in the documentation."""
    text = DOCS.read_text()
    module = re.search(r"```python\n(# orders_console/__init__.*?)```", text, re.S)
    template = re.search(r"```html\n(.*?)```", text, re.S)
    assert module is not None
    assert template is not None
    folder = tmp_path / "packages" / "orders_console"
    (folder / "templates").mkdir(parents=True)
    (folder / "static").mkdir()
    (folder / "locale").mkdir()
    (folder / "__init__.py").write_text(module[1])
    (folder / "templates" / "orders.html").write_text(template[1])
    (folder / "locale" / "de.po").write_text('msgid "Orders"\nmsgstr "Bestellungen"\n')
    monkeypatch.syspath_prepend(str(folder.parent))
    yield import_module(folder.name).ORDERS
    del sys.modules[folder.name]


async def test_a_page_of_another_package(orders: Page, tmp_path: Path) -> None:
    async with open_runtime(Settings(data=tmp_path / "data")) as runtime:
        pages = [*installed_pages(), orders]
        app = application(runtime)
        app.router.routes[:0] = Console(runtime, pages).routes()
        token = (tmp_path / "data" / "api-token").read_text().strip()
        async with AsyncClient(
            transport=ASGITransport(app=app), base_url="http://127.0.0.1"
        ) as client:
            client.headers.update({"authorization": f"Bearer {token}", "accept": "text/html"})
            first = await client.get("/")
            assert '<a href="/console/orders">Orders</a>' in first.text
            shown = await client.get(
                "/console/orders?q=<script>", headers={"accept-language": "de-CH"}
            )
            assert shown.headers["content-security-policy"] == POLICY
            assert "<h1>Bestellungen</h1>" in shown.text
            assert "<bdi>&lt;script&gt;</bdi>" in shown.text
            assert 'action="/console/orders/x-1/stop"' in shown.text
            done = await client.post("/console/orders/x-1/stop")
            assert done.status_code == 303
            assert "Order x-1 is stopped." in (await client.get(done.headers["location"])).text
            again = await client.get(f"{done.headers['location']}?notice=Enter+your+password")
            assert "is stopped" not in again.text
            assert "Enter your password" not in again.text


async def test_who_may_not_do_an_act_is_refused(orders: Page, tmp_path: Path) -> None:
    async with open_runtime(Settings(data=tmp_path / "data")) as runtime:
        app = application(runtime)
        app.router.routes[:0] = Console(runtime, [orders]).routes()
        _, secret = await runtime.store.write(
            lambda c: create_token(
                c, "report", acts_of("reader"), user=None, types=None, expires=None, now=now_us()
            )
        )
        async with AsyncClient(
            transport=ASGITransport(app=app), base_url="http://127.0.0.1"
        ) as client:
            client.headers.update({"authorization": f"Bearer {secret}", "accept": "text/html"})
            shown = await client.get("/console/orders")
            assert shown.status_code == 200
            assert "/stop" not in shown.text
            refused = await client.post("/console/orders/x-1/stop")
            assert refused.status_code == 403
            assert "may not replay" in refused.text
            foreign = {"origin": "http://elsewhere.example", "sec-fetch-site": "cross-site"}
            assert (await client.get("/console/orders", headers=foreign)).status_code == 403
