"""Which role each address of the service takes, found by asking as each of them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lineal.access.acts import ROLES, read_acts
from lineal.access.tokens import create_token
from lineal.health import Health
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_producers.http.application import application

TAKEN_BY = {
    "reader": """
        POST /console/documents/download
        POST /console/documents/searches
        POST /console/documents/searches/remove
        POST /console/preferences
        POST /console/talk/say
        POST /conversations/{dialogue}
        POST /documents/{id}/match
        POST /login
        POST /logout
        POST /match
        POST /sparql
    """,
    "uploader": """
        GET /console/predictions/{table}/questions/{id}
        GET /console/restylings
        GET /console/restylings/{id}
        GET /console/restylings/{id}/{which}/{number:int}
        GET /regions/runs
        GET /regions/runs/{run}
        GET /restylings/{id}
        GET /restylings/{id}/{which}/{number:int}
        GET /tables/{table}/questions/{id}
        GET /transcripts
        POST /articles
        POST /console/articles/publish
        POST /console/predictions/{table}/ask
        POST /console/restylings
        POST /documents
        POST /events
        POST /regions/runs
        POST /restylings
        POST /tables/{table}/questions
    """,
    "reviewer": """
        DELETE /documents/{id}/class
        GET /console/clicks
        GET /console/clicks/one
        GET /console/labelling
        GET /console/labels
        GET /console/labels/{job}
        GET /console/labels/{job}/item
        GET /console/predictions
        GET /console/predictions/{table}
        GET /console/review
        GET /console/review/{item}
        GET /console/tickets
        GET /label-jobs
        GET /label-jobs/{job}
        GET /label-jobs/{job}/dashboard
        GET /label-jobs/{job}/dashboard.csv
        GET /label-jobs/{job}/labels
        GET /review-thresholds
        GET /reviews
        GET /reviews/counts
        GET /reviews/{item}
        GET /tickets
        POST /cases/{case:path}/check
        POST /console/cases/{case:path}/check
        POST /console/classes/forget
        POST /console/classes/teach
        POST /console/clicks/label
        POST /console/diagrams/correct
        POST /console/documents/tag
        POST /console/documents/teach
        POST /console/documents/{id}/description
        POST /console/fleet/devices/{device}/marks
        POST /console/fleet/devices/{device}/marks/withdraw
        POST /console/labels/create
        POST /console/labels/{job}/close
        POST /console/labels/{job}/give
        POST /console/labels/{job}/take
        POST /console/photos/verify
        POST /console/photos/{id}/verify
        POST /console/review/begin
        POST /console/review/next
        POST /console/review/{item}/complete
        POST /console/review/{item}/draft
        POST /console/review/{item}/release
        POST /console/review/{item}/skip
        POST /console/review/{item}/take
        POST /console/tickets/{ticket}/answer
        POST /diagrams
        POST /documents/{id}/class
        POST /documents/{id}/description
        POST /documents/{id}/fields
        POST /documents/{id}/split
        POST /label-jobs
        POST /label-jobs/import
        POST /label-jobs/{job}/close
        POST /label-jobs/{job}/labels
        POST /label-jobs/{job}/take
        POST /reviews
        POST /reviews/next
        POST /reviews/{item}/complete
        POST /reviews/{item}/release
        POST /reviews/{item}/skip
        POST /reviews/{item}/take
        POST /tickets/{ticket}/answer
        PUT /reviews/{item}/draft
    """,
    "operator": """
        GET /console/dead-letters
        GET /console/dead-letters/{id}
        GET /console/fleet/rollouts/new
        GET /console/flow/caused/{id}
        GET /console/flow/event/{id}
        GET /console/flow/events/{partition:int}/{offset:int}/{topic:path}
        GET /console/flow/lineage/{subject:path}
        GET /console/flow/subjects/{subject:path}
        GET /console/flow/topics/{topic:path}
        GET /console/notifications
        GET /console/regions
        GET /console/replay
        GET /console/replay/jobs/{id}
        GET /console/replay/jobs/{id}/progress
        GET /console/transcripts
        GET /console/transcripts/{id}
        GET /metrics
        POST /console/classes/thresholds
        POST /console/dead-letters/decide
        POST /console/fleet/rollouts/new
        POST /console/fleet/rollouts/{id}/control
        POST /console/models/{name}/promote
        POST /console/models/{name}/rollback
        POST /console/proof/verify
        POST /console/replay/begin
        POST /console/replay/choose
        POST /console/replay/jobs/{id}/cancel
        POST /console/serving/{name}/control
        POST /console/sweeps/{id}/stop
        POST /documents/{id}/deidentifications
        POST /documents/{id}/redactions
        POST /review-thresholds
    """,
    "owner": """
        GET /console/audit
        GET /console/users
        POST /console/documents/erase
        POST /console/users/add
        POST /console/users/remove
        POST /console/users/role
        POST /console/users/tokens
        POST /console/users/tokens/revoke
    """,
}
"""All but what a reader may GET. A reader's POSTs ask something, keep their own preferences and
saved searches, or talk as themselves. A route that is added has to be thought of here."""


async def _asked(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def _status(app: ASGIApp, method: str, path: str, token: str) -> int:
    """The status of an answer, whose body is not waited for: some never end."""
    answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and not answered.done():
            answered.set_result(message["status"])

    requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return requests.pop() if requests else await asyncio.Future()

    headers = [(b"host", b"127.0.0.1:8480"), (b"authorization", f"Bearer {token}".encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8480),
    }  # fmt: skip
    asked = asyncio.create_task(_asked(app, scope, receive, send))
    either: set[asyncio.Future[Any]] = {asked, answered}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not answered.done():
        asked.result()
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    return answered.result()


async def _least_roles(tmp_path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    settings = Settings(data=tmp_path / "data", durability="normal")
    async with open_runtime(settings) as runtime:
        app = application(runtime, Health(runtime, list))
        tokens = {}
        for role in ROLES:
            _, tokens[role] = await runtime.store.write(
                lambda c, r=role: create_token(  # type: ignore[misc]
                    c, r, read_acts(r), user=None, types=None, expires=None, now=1
                )
            )
        for route in app.routes:
            if not isinstance(route, Route):
                continue
            path = re.sub(r"\{[a-z0-9_]+:int\}", "1", route.path)
            path = re.sub(r"\{[^}]*\}", "x", path)
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                for role in ROLES:
                    if await _status(app, method, path, tokens[role]) != 403:
                        found[f"{method} {route.path}"] = role
                        break
                else:
                    found[f"{method} {route.path}"] = "nobody"
    return found


async def test_what_changes_something_takes_the_role_that_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_process(*_: object, **__: object) -> None:
        raise OSError("no process is started by asking")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", no_process)
    found = await _least_roles(tmp_path)
    expected = {(what, role) for role, text in TAKEN_BY.items() for what in _lines(text)}
    beyond = {
        (what, role)
        for what, role in found.items()
        if role != "reader" or not what.startswith("GET ")
    }
    assert sorted(beyond - expected) == []
    assert sorted(expected - beyond) == []
    assert "nobody" not in found.values()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
