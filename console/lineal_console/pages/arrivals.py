"""How far documents are that somebody has just dropped onto a page, as a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import orjson
from starlette.responses import Response

from lineal.lineage.graph import lineage_graph
from lineal.proof.logged import logged_steps
from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import documents_by_id, is_visible_to
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.stage_graph import stages_after_type

ARRIVALS = Page("arrivals", "Arrivals")
_MAX_WATCHED = 200
_LOOK_SECONDS = 0.3
_FINAL = ("indexed", "rejected", "failed")


@ARRIVALS.get()
async def progress(request: PageRequest) -> Response:
    """Server-sent events ``progress``, one for each change of a document, until all are done."""
    asked = request.queries("id")[:_MAX_WATCHED]
    return request.events(_progress(request, asked))


async def _progress(request: PageRequest, asked: list[str]) -> AsyncIterator[str]:
    shown: dict[str, dict[str, Any]] = {}
    waiting = list(asked)
    while waiting:
        found = await request.runtime.store.read(partial(_states, waiting, request.names))
        for state in found:
            if shown.get(state["id"]) != state:
                shown[state["id"]] = state
                said = state | {"shown": request.text(state["status"])}
                yield f"event: progress\ndata: {orjson.dumps(said).decode()}\n\n"
        waiting = [item for item in waiting if shown.get(item, {}).get("status") not in _FINAL]
        await asyncio.sleep(_LOOK_SECONDS)
    # Browsers pass over an event without data, and would ask again for ever.
    yield "event: done\ndata: all\n\n"


def _states(
    asked: list[str], names: tuple[str, ...] | None, connection: Connection
) -> list[dict[str, Any]]:
    visible = [item for item in asked if is_visible_to(connection, item, names)]
    states = []
    for info in documents_by_id(connection, visible):
        steps = lineage_graph(logged_steps(connection, DOCUMENT + info.document_id)).steps
        done = list(dict.fromkeys(step.name for step in steps))
        ahead = stages_after_type("document.arrived") if info.status not in _FINAL else ()
        states.append(
            {
                "id": info.document_id,
                "status": info.status,
                "reason": info.reason,
                "done": done,
                "ahead": [name for name in ahead if name not in done],
            }
        )
    return states
