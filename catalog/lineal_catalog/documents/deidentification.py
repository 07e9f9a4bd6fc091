"""Asks for a de-identified copy of a document: an act of a person."""

from __future__ import annotations

from typing import Any

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.runtime import Runtime
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.records import RecordDeidentificationRequested
from lineal_schemas.salt import new_salt


async def request_deidentification(
    runtime: Runtime, document_id: str, by: Credential, source: str, **wanted: Any
) -> str:
    """Publish a request; the id of its event.

    Args:
        source: the ingress: ``lineal:cli/deidentify``, ``lineal:http``.
        wanted: further fields of :class:`RecordDeidentificationRequested`.

    Raises:
        NotPermitted: they may not.
        ValidationError: a field is not as it has to be.
    """
    by.require("redact")
    now = now_us()
    request = RecordDeidentificationRequested(
        **wanted, document_id=document_id, by=by.actor, requested_us=now, salt=new_salt()
    )
    identifier = arrival_id(source, document_id, f"deidentify\n{now}\n{request.salt}")
    await publish_act(runtime, request, id=identifier, source=source, actor=by.actor)
    return identifier
