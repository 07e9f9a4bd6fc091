"""The first page: how much there is, what waits for somebody, and a place to drop files."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from lineal.store.connection import Connection
from lineal_catalog.documents.document_filter import DocumentFilter
from lineal_catalog.documents.listing import count_statuses, list_part
from lineal_catalog.reviews.queries import count_waiting
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_console.flow_state import FlowReader
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.pages.flow import flow_reader
from lineal_console.proof_state import proven_sizes

OVERVIEW = Page("", "Overview")
_LATEST = 8


@OVERVIEW.get()
async def overview(request: PageRequest) -> Response:
    """What a person sees first."""

    who = Reviewer.of(request.credential)

    def look(connection: Connection) -> dict[str, Any]:
        statuses = count_statuses(connection, DocumentFilter(), names=request.names)
        latest = list_part(connection, DocumentFilter(), limit=_LATEST, names=request.names)
        return {
            "latest": latest.documents,
            "statuses": statuses,
            "documents": sum(item.documents for item in statuses),
            "sizes": proven_sizes(connection),
            "waiting": sum(count_waiting(connection, who.names)["target"].values())
            if request.may("review")
            else None,
        }

    reader: FlowReader = flow_reader(request)
    state = await reader.read()
    return request.render(
        "overview.html",
        **await request.runtime.store.read(look),
        events=sum(topic.events for topic in state.topics),
        per_minute=sum(topic.per_minute or 0 for topic in state.topics),
        lag=sum(stage.lag for stage in state.stages),
        letters=sum(stage.dead_letters for stage in state.stages),
    )
