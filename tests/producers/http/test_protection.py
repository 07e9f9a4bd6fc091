"""Nobody gets in without showing who they are; what they may do is what their credential says."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.routing import Route

from lineal.access.acts import Act, Role, read_acts
from lineal.access.passwords import hash_password
from lineal.access.sessions import new_session
from lineal.access.slowdown import Slowdown, TooManyAttempts
from lineal.access.tokens import create_token, revoke_token
from lineal.access.users import add_user, remove_user, set_role
from lineal.errors import WrongConfiguration
from lineal.health import Health
from lineal.runtime import Runtime
from lineal_producers.http.application import TokenMissing, application, monitoring_application
from lineal_producers.http.authentication import SESSION_COOKIE
from lineal_producers.http.protection import is_loopback
from lineal_schemas.envelope import now_us
from tests.producers.http.owner import as_owner

TOKEN = "0123456789abcdef0123456789abcdef"
PATHS = ("/", "/documents", "/events", "/search?q=a", "/metrics", "/session", "/nowhere")
EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "com.example.thing", "data": 1}
STRUCTURED = {"content-type": "application/cloudevents+json"}


@asynccontextmanager
async def opened(
    runtime: Runtime,
    *,
    bare: bool = False,
    host: str = "lineal.example",
    slowdown: Slowdown | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    make = monitoring_application if bare else application
    app = make(runtime, Health(runtime, list), slowdown=slowdown or Slowdown(pause=no_pause))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=f"http://{host}"
    ) as client:
        yield client


async def no_pause(seconds: float) -> None:
    """Nobody has to wait in a test."""


@pytest.fixture
def exposed(runtime: Runtime) -> Runtime:
    """A runtime whose service other machines reach."""
    runtime.settings.listen = "0.0.0.0"
    runtime.settings.http_token = SecretStr(TOKEN)
    return runtime


@pytest.fixture(params=["loopback", "exposed"])
def either(request: pytest.FixtureRequest, runtime: Runtime) -> tuple[Runtime, str]:
    """A runtime and the host it is reached by."""
    if request.param == "exposed":
        runtime.settings.listen = "0.0.0.0"
        runtime.settings.http_token = SecretStr(TOKEN)
        return runtime, "lineal.example"
    return runtime, "127.0.0.1:8480"


@pytest.mark.parametrize(
    "shown", [None, "", TOKEN, "Bearer", "Bearer x", f"Bearer {TOKEN[:-1]}", "Bearer é", "Basic x"]
)
async def test_without_a_token_there_is_no_answer(
    either: tuple[Runtime, str], shown: str | None
) -> None:
    runtime, host = either
    headers = [] if shown is None else [(b"authorization", shown.encode("latin-1"))]
    async with opened(runtime, host=host) as client:
        for path in PATHS:
            for method in ("GET", "POST"):
                answer = await client.request(method, path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "LINEAL_HTTP_TOKEN" in answer.json()["error"]


async def test_the_token_of_the_settings_and_that_of_the_data_folder_let_the_owner_in(
    either: tuple[Runtime, str],
) -> None:
    runtime, host = either
    runtime.settings.http_token = SecretStr(TOKEN)
    async with opened(runtime, host=host) as client:
        for headers in ({"authorization": f"Bearer {TOKEN}"}, as_owner(runtime.settings.data)):
            answer = await client.post("/documents?name=a.txt", content=b"a", headers=headers)
            assert answer.status_code == 202
            assert (await client.get("/documents", headers=headers)).json() == []
            assert (await client.get("/metrics", headers=headers)).status_code == 200


def test_only_the_owner_of_the_data_folder_reads_its_token(runtime: Runtime) -> None:
    as_owner(runtime.settings.data)
    file = runtime.settings.data / "api-token"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(WrongConfiguration, match="others can read"):
        application(runtime)


@pytest.mark.parametrize("bare", [True, False])
async def test_probes_need_no_token(exposed: Runtime, bare: bool) -> None:
    async with opened(exposed, bare=bare) as client:
        for path in ("/healthz", "/readyz"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/metrics")).status_code == 401


@pytest.mark.parametrize("token", [None, SecretStr("")])
def test_it_does_not_open_to_others_without_a_token(exposed: Runtime, token: Any) -> None:
    exposed.settings.http_token = token
    with pytest.raises(TokenMissing, match="LINEAL_HTTP_TOKEN"):
        application(exposed)


@pytest.mark.parametrize("token", ["x", "open sesame"])
def test_a_token_that_can_be_guessed_is_refused(runtime: Runtime, token: str) -> None:
    runtime.settings.http_token = SecretStr(token)
    with pytest.raises(WrongConfiguration, match="openssl rand"):
        application(runtime)


async def _token(
    runtime: Runtime,
    scope: str,
    *,
    user: str | None = None,
    types: tuple[str, ...] | None = None,
    expires: int | None = None,
) -> dict[str, str]:
    _, secret = await runtime.store.write(
        lambda c: create_token(
            c, scope, read_acts(scope), user=user, types=types, expires=expires, now=now_us()
        )
    )
    return {"authorization": f"Bearer {secret}"}


async def _user(runtime: Runtime, name: str, role: Role, password: str | None = None) -> None:
    kept = None if password is None else hash_password(password)
    await runtime.store.write(lambda c: add_user(c, name, role, kept, now_us()))


CALLS: dict[Act, Callable[[httpx.AsyncClient, dict[str, str]], Any]] = {
    "read": lambda http, shown: http.get("/documents", headers=shown),
    "upload": lambda http, shown: http.post("/documents?name=a", content=b"a", headers=shown),
    "publish": lambda http, shown: http.post("/events", json=EVENT, headers=shown | STRUCTURED),
    "metrics": lambda http, shown: http.get("/metrics", headers=shown),
}


@pytest.mark.parametrize("scope", CALLS)
async def test_a_token_does_what_it_is_for_and_nothing_else(runtime: Runtime, scope: Act) -> None:
    await runtime.bus.create_topic("com.example.thing")
    shown = await _token(runtime, scope)
    async with opened(runtime, host="localhost") as client:
        for act, call in CALLS.items():
            status = (await call(client, shown)).status_code
            assert (status == 403) is (act != scope)
            assert status in (200, 202, 403)


async def test_a_token_of_a_user_never_does_more_than_the_user_may(runtime: Runtime) -> None:
    await _user(runtime, "ann", "uploader")
    shown = await _token(runtime, "owner", user="ann")
    async with opened(runtime, host="localhost") as client:
        assert (await client.get("/documents", headers=shown)).status_code == 200
        assert (await CALLS["upload"](client, shown)).status_code == 202
        await runtime.store.write(lambda c: set_role(c, "ann", "reader"))
        assert (await CALLS["upload"](client, shown)).status_code == 403
        await runtime.store.write(lambda c: remove_user(c, "ann", now_us()))
        assert (await client.get("/documents", headers=shown)).status_code == 401


async def test_a_token_that_expired_or_was_revoked_lets_nobody_in(runtime: Runtime) -> None:
    shown = await _token(runtime, "read")
    expired = await _token(runtime, "read,upload", expires=now_us() - 1)
    async with opened(runtime, host="localhost") as client:
        assert (await client.get("/documents", headers=expired)).status_code == 401
        assert (await client.get("/documents", headers=shown)).status_code == 200
        await runtime.store.write(lambda c: revoke_token(c, "read", now_us()))
        assert (await client.get("/documents", headers=shown)).status_code == 401


async def test_a_token_publishes_only_the_types_it_names(runtime: Runtime) -> None:
    for topic in ("com.example.thing", "org.example.thing"):
        await runtime.bus.create_topic(topic)
    shown = await _token(runtime, "publish", types=("com.example.*",)) | STRUCTURED
    async with opened(runtime, host="localhost") as client:
        assert (await client.post("/events", json=EVENT, headers=shown)).status_code == 202
        other = {**EVENT, "type": "org.example.thing"}
        assert (await client.post("/events", json=other, headers=shown)).status_code == 403


async def test_who_sent_an_event_is_what_was_shown_and_not_what_it_says(runtime: Runtime) -> None:
    await runtime.bus.create_topic("com.example.thing")
    await _user(runtime, "ann", "uploader")
    shown = await _token(runtime, "publish", user="ann") | STRUCTURED
    claim = {**EVENT, "actor": "user:root", "mark": "k:x"}
    async with opened(runtime, host="localhost") as client:
        assert (await client.post("/events", json=claim, headers=shown)).status_code == 202
    (delivery,) = [item async for item in runtime.bus.read("com.example.thing")]
    assert (delivery.event.actor, delivery.event.mark) == ("token:publish of ann", None)


async def test_the_one_time_key_opens_one_session(runtime: Runtime) -> None:
    key = await runtime.store.write(lambda c: new_session(c, "key", None, now_us()))
    async with opened(runtime, host="127.0.0.1:8480") as client:
        answer = await client.get(f"/login?key={key}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await client.get("/documents")).status_code == 200
        assert "manage" in (await client.get("/session")).json()["acts"]
        client.cookies.clear()
        assert (await client.get(f"/login?key={key}")).status_code == 401
        assert (await client.get("/login")).status_code == 401


async def test_a_browser_is_led_to_a_form(runtime: Runtime) -> None:
    page = {"accept": "text/html,*/*"}
    await _user(runtime, "ann", "reader", "correct horse battery")
    async with opened(runtime, host="localhost") as client:
        led = await client.get("/documents", headers=page)
        assert (led.status_code, led.headers["location"]) == (303, "/login")
        form = await client.get("/login", headers=page)
        assert 'name="password"' in form.text
        assert "default-src 'none'" in form.headers["content-security-policy"]
        sent = {"user": "ann", "password": "correct horse battery"}
        assert (await client.post("/login", data=sent)).status_code == 303
        assert (await client.get("/documents", headers=page)).status_code == 200


async def test_an_old_key_opens_nothing(runtime: Runtime) -> None:
    long_ago = now_us() - 24 * 3_600_000_000
    key = await runtime.store.write(lambda c: new_session(c, "key", None, long_ago))
    session = await runtime.store.write(lambda c: new_session(c, "session", None, long_ago))
    async with opened(runtime, host="localhost") as client:
        assert (await client.get(f"/login?key={key}")).status_code == 401
        client.cookies.set(SESSION_COOKIE, session)
        assert (await client.get("/documents")).status_code == 401


async def test_a_user_logs_in_with_a_password_and_out_again(runtime: Runtime) -> None:
    await _user(runtime, "ann", "reader", "correct horse battery")
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with opened(runtime, host="localhost", slowdown=Slowdown(pause=pause)) as client:
        wrong = {"user": "ann", "password": "incorrect horse"}
        for form in (wrong, {"user": "bob", "password": "correct horse battery"}):
            assert (await client.post("/login", data=form)).status_code == 401
        assert (await client.post("/login", json=wrong)).status_code == 401
        assert pauses == [0.25, 0.25, 0.5]
        right = {"user": "ann", "password": "correct horse battery"}
        assert (await client.post("/login", json=right)).status_code == 303
        assert (await client.get("/session")).json() == {"actor": "user:ann", "acts": ["read"]}
        assert (await client.post("/documents?name=a", content=b"a")).status_code == 403
        session = client.cookies[SESSION_COOKIE]
        assert (await client.post("/logout")).status_code == 303
        client.cookies.clear()
        client.cookies.set(SESSION_COOKIE, session)
        assert (await client.get("/session")).status_code == 401
        client.cookies.clear()
        basic = b64encode(b"ann:correct horse battery").decode()
        answer = await client.get("/session", headers={"authorization": f"Basic {basic}"})
        assert answer.json()["actor"] == "user:ann"


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ({"origin": "http://localhost:9999"}, "POST", 403),
        ({"origin": "http://127.0.0.1:8480"}, "POST", 202),
        ({"origin": "https://127.0.0.1:8480"}, "GET", 200),
        ({"origin": "null"}, "GET", 403),
        ({"origin": "http://evil.example"}, "GET", 403),
        ({"host": "evil.example"}, "GET", 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, "GET", 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, "GET", 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, "POST", 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, "GET", 200),
        ({"sec-fetch-site": "same-origin"}, "POST", 202),
        ({"transfer-encoding": "chunked", "content-length": "1"}, "POST", 400),
    ],
)
async def test_what_comes_from_a_foreign_page_or_is_ambiguous_is_refused(
    runtime: Runtime, headers: dict[str, str], method: str, status: int
) -> None:
    shown = as_owner(runtime.settings.data)
    async with opened(runtime, host="127.0.0.1:8480") as client:
        answer = await client.request(
            method, "/documents?name=a", content=b"a", headers=shown | headers
        )
        assert answer.status_code == status
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"


async def test_the_page_of_a_service_behind_tls_is_its_own(exposed: Runtime) -> None:
    shown = as_owner(exposed.settings.data) | {"origin": "https://lineal.example"}
    async with opened(exposed) as client:
        answer = await client.post("/documents?name=a", content=b"a", headers=shown)
        assert answer.status_code == 202


def test_every_route_asks_for_an_act_or_is_open_on_purpose(runtime: Runtime) -> None:
    routes = application(runtime, Health(runtime, list)).routes
    unguarded = {
        route.path
        for route in routes
        if isinstance(route, Route)
        and "guarded" not in route.endpoint.__qualname__
        # each page's, which asks for the page's act: tests/console goes through all of them
        and route.endpoint.__qualname__ != "Console._endpoint.<locals>.answer"
    }
    assert unguarded == {
        "/login", "/logout", "/session", "/packages/{sha256}", "/healthz", "/readyz",
        "/console/preferences",
    }  # fmt: skip


async def test_many_failures_at_once_are_not_even_looked_at() -> None:
    waiting = asyncio.Event()

    async def pause(seconds: float) -> None:
        await waiting.wait()

    slowdown = Slowdown(pause=pause)
    tasks = [asyncio.create_task(slowdown.failed(f"{n}")) for n in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttempts):
        await slowdown.failed("one more")
    waiting.set()
    assert await asyncio.gather(*tasks) == [1] * 64


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("localhost", False), ("", False)],
)  # fmt: skip
def test_what_counts_as_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback
