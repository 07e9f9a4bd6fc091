"""Beyond loopback nobody gets in without the token; health is told to anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from lineal.health import Health, health_routes
from lineal.runtime import Runtime
from lineal_producers.http.application import TokenMissing, application, bare_application
from lineal_producers.http.protection import is_loopback


@asynccontextmanager
async def opened(runtime: Runtime, *, bare: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    routes = health_routes(runtime, Health(runtime, list))
    listen = runtime.settings.listen
    app = bare_application(routes, listen=listen) if bare else application(runtime, routes)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://lineal.example") as client:
        yield client


@pytest.fixture
def exposed(runtime: Runtime) -> Runtime:
    """A runtime whose service other machines reach."""
    runtime.settings.listen = "0.0.0.0"
    runtime.settings.http_token = SecretStr("open sesame")
    return runtime


@pytest.mark.parametrize(
    "shown", [None, "", "open sesame", "Bearer", "Bearer x", "Bearer open sesam", "Bearer é"]
)
@pytest.mark.parametrize("path", ["/", "/documents", "/events", "/search?q=a", "/nowhere"])
async def test_without_the_token_there_is_no_answer(
    exposed: Runtime, path: str, shown: str | None
) -> None:
    headers = [] if shown is None else [(b"authorization", shown.encode("latin-1"))]
    async with opened(exposed) as client:
        for method in ("GET", "POST"):
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "LINEAL_HTTP_TOKEN" in answer.json()["error"]


async def test_with_the_token_all_is_as_on_loopback(exposed: Runtime) -> None:
    headers = {"authorization": "Bearer open sesame"}
    async with opened(exposed) as client:
        answer = await client.post("/documents?name=a.txt", content=b"a", headers=headers)
        assert answer.status_code == 202
        assert (await client.get("/documents", headers=headers)).json() == []


@pytest.mark.parametrize("bare", [True, False])
async def test_probes_need_no_token(exposed: Runtime, bare: bool) -> None:
    async with opened(exposed, bare=bare) as client:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("token", [None, SecretStr("")])
def test_it_does_not_open_without_a_token(exposed: Runtime, token: SecretStr | None) -> None:
    exposed.settings.http_token = token
    with pytest.raises(TokenMissing, match="LINEAL_HTTP_TOKEN"):
        application(exposed)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("localhost", False), ("", False)],
)  # fmt: skip
def test_what_counts_as_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback
