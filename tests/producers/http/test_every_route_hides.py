"""Whoever an access list leaves out finds nothing of the document at any address of the service."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from lineal.access.acts import Act
from lineal.access.tokens import create_token
from lineal.health import Health
from lineal.runtime import Runtime, open_runtime
from lineal_producers.arrival import ArrivalSource, announce, store
from lineal_producers.http.application import application
from lineal_schemas.envelope import now_us
from tests.erasure.documents import STAGES, handle_all, settings

WORD, NAME, OWNER = "quizzaciously", "flabbergastine", "wuthermost"
"""In its text, its name, and as its owner."""
READER: tuple[Act, ...] = ("read",)
REVIEWER: tuple[Act, ...] = ("read", "upload", "publish", "review")
ENDLESS = "/console/flow/live", "/console/documents/{id}/changes"
"""Streams, for those who may see them."""


async def document(runtime: Runtime) -> str:
    content = await store(runtime, io.BytesIO(f"A letter about {WORD}, and bearings.".encode()))
    source = ArrivalSource(
        name=f"{NAME}.txt", source=f"file:///nowhere/{NAME}.txt", actor="process:test",
        occurrence="1", owner=OWNER, labels={"about": NAME}, readers=("token:ben",),
    )  # fmt: skip
    arrived = await announce(runtime, source, content=content)
    broken = await store(runtime, io.BytesIO(f"BROKEN {WORD}".encode()))
    await announce(
        runtime,
        ArrivalSource(
            name=f"broken {NAME}.txt", source=f"file:///nowhere/broken {NAME}.txt",
            actor="process:test", occurrence="1", owner=OWNER, readers=("token:ben",),
        ),
        content=broken,
    )  # fmt: skip
    await handle_all(runtime, STAGES)
    return arrived.document_id


def addresses(
    routes: Iterable[BaseRoute], values: dict[str, str], below: str = ""
) -> Iterator[str]:
    """What GET answers, with the document in each place of an address."""
    for route in routes:
        if isinstance(route, Mount):
            yield from addresses(route.routes or (), values, below + route.path)
        elif isinstance(route, Route) and "GET" in (route.methods or {"GET"}):
            path = below + route.path
            if path not in ENDLESS:
                yield re.sub(
                    r"{(\w+)(?::(\w+))?}",
                    lambda found: "1" if found[2] == "int" else values.get(found[1], values["id"]),
                    path,
                )


@pytest.mark.parametrize("acts", [READER, REVIEWER], ids=["reader", "reviewer"])
async def test_nothing_of_a_document_is_found_by_whom_its_list_leaves_out(
    tmp_path: Path, acts: tuple[Act, ...]
) -> None:
    async with open_runtime(settings(tmp_path)) as runtime:
        identifier = await document(runtime)
        shown = {}
        for name in ("ben", "cleo"):
            _, secret = await runtime.store.write(
                partial(
                    create_token, name=name, acts=frozenset(acts), user=None, types=None,
                    expires=None, now=now_us(),
                )
            )  # fmt: skip
            shown[name] = {"authorization": f"Bearer {secret}", "accept": "text/html, */*"}
        app = application(runtime, Health(runtime, list))
        values = {"id": identifier, "form": "text", "subject": f"document:{identifier}"}
        asked = sorted(set(addresses(app.routes, values)))
        assert f"/documents/{identifier}/text" in asked and "/console/documents" in asked
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        answers = dict.fromkeys(shown, "")
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8480", timeout=20
        ) as client:
            stream = f"/console/documents/{identifier}/changes"
            refused = await client.get(stream, headers=shown["cleo"])
            assert refused.status_code == 404
            for path in asked:
                for who, headers in shown.items():
                    query = {"q": "bearings", "text": "bearings", "document": identifier}
                    answer = await client.get(path, params=query, headers=headers)
                    text = answer.text.lower()
                    answers[who] += text
                    if who == "cleo":
                        found = [word for word in (WORD, NAME, OWNER) if word in text]
                        assert not found, f"{path} tells {found}"
        # The one whom the list names sees it: the addresses were the right ones.
        assert WORD in answers["ben"] and NAME in answers["ben"]


async def test_nobody_decides_about_a_document_that_they_may_not_see(tmp_path: Path) -> None:
    async with open_runtime(settings(tmp_path)) as runtime:
        identifier = await document(runtime)
        shown = {}
        for name in ("ben", "cleo"):
            _, secret = await runtime.store.write(
                partial(
                    create_token, name=name, acts=frozenset({*REVIEWER, "redact"}), user=None,
                    types=None, expires=None, now=now_us(),
                )
            )  # fmt: skip
            shown[name] = {"authorization": f"Bearer {secret}"}
        at = f"/documents/{identifier}"
        acts = {
            ("POST", f"{at}/description"): {"labels": {"seen": "yes"}},
            ("POST", f"{at}/class"): {"name": "invoice"},
            ("DELETE", f"{at}/class"): None,
            ("POST", f"{at}/fields"): {"values": {"total": "1"}},
            ("POST", f"{at}/split"): {},
            ("POST", f"{at}/redactions"): {"words": ["bearings"], "reason": "a test"},
            ("POST", f"{at}/deidentifications"): {},
            ("POST", f"{at}/match"): {"sentence": "It is about bearings."},
            ("POST", "/reviews"): {"document_id": identifier, "target": "class"},
        }
        app = application(runtime, Health(runtime, list))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8480", timeout=20
        ) as client:
            told = {}
            for (method, path), body in acts.items():
                for who, headers in shown.items():
                    answer = await client.request(method, path, json=body, headers=headers)
                    told[who, method, path] = (answer.status_code, answer.text[:200])
        for (who, method, path), (status, text) in told.items():
            if who == "cleo":
                assert status == 404, (method, path, status, text)
        allowed = [path for (who, _, path), (status, _) in told.items() if status < 300]
        assert {f"{at}/class", f"{at}/redactions"} <= set(allowed), told
