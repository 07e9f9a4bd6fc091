"""Asks for a file that holds several documents to be split: an act of a person."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.runtime import Runtime
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.streams import DocumentSplitRequested


async def request_split(
    runtime: Runtime, document_id: str, first_pages: Sequence[int], by: Credential, source: str
) -> str:
    """Publish a request; the id of its event.

    Args:
        first_pages: with which documents begin; empty: they are to be found.
        source: the ingress: ``lineal:cli/split``, ``lineal:http``.

    Raises:
        NotPermitted: they may not.
        ValidationError: a page number is below 1.
    """
    by.require("review")
    now = now_us()
    request = DocumentSplitRequested(
        document_id=document_id,
        first_pages=tuple(sorted(set(first_pages))),
        by=by.actor,
        requested_us=now,
    )
    identifier = arrival_id(source, document_id, f"split {request.first_pages}\n{now}")
    await publish_act(runtime, request, id=identifier, source=source, actor=by.actor)
    return identifier
