"""Asks for a redacted copy of a document: an act of a person."""

from __future__ import annotations

from typing import Any

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.runtime import Runtime
from lineal_schemas.documents import DocumentRedactionRequested
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.salt import new_salt


async def request_redaction(
    runtime: Runtime, document_id: str, by: Credential, source: str, **wanted: Any
) -> str:
    """Publish a request; the id of its event.

    Args:
        source: the ingress: ``lineal:cli/redact``, ``lineal:http``.
        wanted: further fields of :class:`DocumentRedactionRequested`.

    Raises:
        NotPermitted: they may not.
        ValueError: nothing is named, or a field is not as it has to be.
    """
    by.require("redact")
    now = now_us()
    request = DocumentRedactionRequested(
        **wanted, document_id=document_id, by=by.actor, requested_us=now, salt=new_salt()
    )
    if not (request.personal or request.types or request.words or request.fields or request.boxes):
        raise ValueError("name what is to go: personal, types, words, fields or boxes")
    identifier = arrival_id(source, document_id, f"redact\n{now}\n{request.salt}")
    await publish_act(runtime, request, id=identifier, source=source, actor=by.actor)
    return identifier
