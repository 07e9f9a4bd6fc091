"""People are told once, again while it lasts, and when it is over; each sending is on record."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_catalog.notifications.projection import recent_notifications
from lineal_producers.http.serving import LoopbackServer, bind_loopback
from lineal_producers.notifications.conditions import FLOW_PAGE, Found
from lineal_producers.notifications.page_url import page_url
from lineal_producers.notifications.producer import NotificationWatch, due_of
from lineal_producers.notifications.settings import NotificationRule, NotificationSettings
from lineal_schemas.notifications import NotificationSent
from tests.conformance.harness import events_on
from tests.producers.http.test_reviews import request_item

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
WAITING = {"waiting": {"condition": "reviews_waiting", "limit": 0}}


class Receiver:
    """A webhook that fails as often as it is asked to."""

    def __init__(self) -> None:
        self.failures = 0
        self.received: list[tuple[dict[str, str], bytes]] = []

    async def take(self, request: Request) -> Response:
        self.received.append((dict(request.headers), await request.body()))
        if self.failures:
            self.failures -= 1
            return Response(status_code=503)
        return Response(status_code=204)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    server = LoopbackServer(app, bind_loopback(0))
    await server.start()
    yield receiver, f"http://127.0.0.1:{server.port}/hook"
    await server.stop()


@asynccontextmanager
async def runtime_with(folder: Path, **notifications: Any) -> AsyncIterator[Runtime]:
    settings = Settings.model_validate(
        {"data": folder / "data", "durability": "normal", "workers": 1,
         "notifications": notifications}
    )  # fmt: skip
    async with open_runtime(settings) as runtime:
        yield runtime


async def test_a_webhook_is_signed_tried_again_and_told_once(
    tmp_path: Path, receiver: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hook, url = receiver
    hook.failures = 2
    webhook = {"url": url, "secret": SECRET}
    async with runtime_with(tmp_path, webhook=webhook, rules=WAITING) as runtime:
        watch = NotificationWatch(runtime, first_seconds=0.01)
        assert await watch.look() == []
        await request_item(runtime)
        [sent] = await watch.look()
        assert (sent.state, sent.attempts, sent.delivered) == ("firing", 3, True)
        assert await watch.look() == []
        [published] = await events_on(runtime, "notification.sent")
        recorded = await runtime.store.read(lambda c: recent_notifications(c, 10))
        assert recorded == [sent]
    assert len({headers["webhook-id"] for headers, _ in hook.received}) == 1
    headers, body = hook.received[-1]
    assert headers["webhook-id"] == published.id
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b"0123456789abcdef0123456789abcdef"
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    data = json.loads(body)["data"]
    assert (data["rule"], data["value"]) == ("waiting", 1)
    assert data["url"] == "http://127.0.0.1:8480/console/review"


async def test_what_is_not_delivered_is_on_record_and_shown(
    tmp_path: Path, receiver: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hook, url = receiver
    hook.failures = 100
    async with runtime_with(tmp_path, webhook={"url": url}, rules=WAITING, attempts=2) as runtime:
        watch = NotificationWatch(runtime, first_seconds=0.01)
        await request_item(runtime)
        [sent] = await watch.look()
        assert (sent.attempts, sent.delivered) == (2, False)
        assert "503" in str(sent.error)
        assert "not delivered" in str(watch.problem)
        assert "webhook-signature" not in hook.received[0][0]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"port": 8480}, "http://127.0.0.1:8480/console/flow"),
        ({"port": 0}, None),  # others do not know which one was taken
        ({"port": 80, "listen": "0.0.0.0"}, "http://127.0.0.1:80/console/flow"),
        ({"port": 80, "listen": "10.0.0.7"}, "http://10.0.0.7:80/console/flow"),
        ({"port": 80, "listen": "fd00::7"}, "http://[fd00::7]:80/console/flow"),
        ({"notifications": {"console_url": "https://a.b/c/"}}, "https://a.b/c/console/flow"),
    ],
)
def test_what_is_sent_names_the_page_as_people_reach_it(
    settings: dict[str, Any], url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    token = {"http_token": "t" * 40}
    assert page_url(Settings.model_validate(settings | token), FLOW_PAGE) == url


def test_an_address_of_the_console_is_one() -> None:
    with pytest.raises(ValueError, match="http or https"):
        NotificationSettings.model_validate({"console_url": "lineal.example.org"})


class Mailbox:
    """A mail server's inbox."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.messages.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


async def test_mail_is_sent_when_it_begins_and_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lineal.access.credential import owner_credential
    from lineal_catalog.reviews.answers import complete
    from lineal_catalog.reviews.reviewer import Reviewer
    from lineal_schemas.reviews import ReviewValue

    monkeypatch.chdir(tmp_path)
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=0)
    listening = bind_loopback(0)
    port = listening.getsockname()[1]
    listening.close()
    controller.port = port
    await asyncio.to_thread(controller.start)
    try:
        mail = {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "lineal@example.org",
                "to": ["ann@example.org", "bob@example.org"]}  # fmt: skip
        console = "https://lineal.example.org/"
        async with runtime_with(tmp_path, mail=mail, rules=WAITING, console_url=console) as runtime:
            watch = NotificationWatch(runtime)
            item = await request_item(runtime)
            assert [sent.state for sent in await watch.look()] == ["firing"]
            reviewer = Reviewer(owner_credential())
            await complete(runtime, item, ReviewValue(verdict="normal"), reviewer)
            assert [sent.state for sent in await watch.look()] == ["resolved"]
            assert await watch.look() == []
    finally:
        await asyncio.to_thread(controller.stop)
    (recipients, first), (_, second) = mailbox.messages
    assert recipients == ["ann@example.org", "bob@example.org"]
    assert b"Subject: lineal: waiting\r\n" in first
    assert b"1 item waits for a person" in first
    for each in (first, second):
        assert b"\r\nhttps://lineal.example.org/console/review\r\n" in each
    assert b"reviews_waiting is 1, the limit 0" in first
    assert b"Subject: lineal: waiting (over)" in second
    assert b"reviews_waiting was 1, the limit 0" in second


HOUR = 3600 * 1_000_000
RULE = NotificationRule(condition="lag", limit=1, channels=("webhook",), repeat_hours=2)


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.booleans()), max_size=12))
def test_nobody_is_told_twice_within_the_pause_and_everybody_that_it_is_over(
    steps: list[tuple[bool, int, bool]],
) -> None:
    now, last = 0, list[NotificationSent]()
    told: list[tuple[int, str, bool]] = []
    for present, hours, delivered in steps:
        now += hours * HOUR
        found = [Found("g", 5, "late")] if present else []
        due = due_of("r", RULE, found, last, now, ("webhook",))
        assert len(due) <= 1
        for item in due:
            if item.state == "firing" and told and told[-1][1:] == ("firing", True):
                assert now - told[-1][0] >= 2 * HOUR
            if item.state == "resolved":
                assert not present
            told.append((now, item.state, delivered))
            last = [
                NotificationSent(
                    rule="r", condition="lag", key="g", state=item.state, channel="webhook",
                    value=5, limit=1, text="late", attempts=1, delivered=delivered, sent_us=now,
                )
            ]  # fmt: skip
        if not present and told:
            assert told[-1][1] == "resolved" or not told[-1][2]


def test_other_channels_than_those_set_up_are_not_used() -> None:
    rule = RULE.model_copy(update={"channels": ("webhook", "mail")})
    used: Callable[..., Any] = due_of
    due = used("r", rule, [Found("", 5, "late")], [], 1, ("mail",))
    assert [item.channel for item in due] == ["mail"]
