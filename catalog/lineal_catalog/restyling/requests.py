"""Asks for images to be changed, and finds what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import NamedTuple, TypeVar
from uuid import uuid4

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.errors import LinealError
from lineal.events_on_topic import events_on_topic
from lineal.lineage.ledger import steps_of_subject
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.payload import Payload
from lineal_schemas.restyling import Fill, ImagesReady, MaskPrompt, StyleRequested

P = TypeVar("P", bound=Payload)
_ANY = "application/octet-stream"


class UnknownRestyling(LinealError, LookupError):
    """Nobody has asked for this, or somebody else has."""


class Restyling(NamedTuple):
    """A request and what became of it."""

    request: StyleRequested
    ready: ImagesReady | None
    problem: str | None
    """Why there will be nothing; None while it is worked on, and when it is done."""


async def request_restyling(
    runtime: Runtime,
    images: Sequence[bytes],
    mask: MaskPrompt,
    fill: Fill,
    *,
    engine: str | None,
    by: Credential,
    source: str,
) -> StyleRequested:
    """Store the images and publish the request.

    Args:
        source: the ingress: ``lineal:cli/restyle``, ``lineal:http``.

    Raises:
        NotPermitted: they may not.
        pydantic.ValidationError: there are none, or more than three.
    """
    by.require("upload")
    stored = [await runtime.objects.put_file(BytesIO(image)) for image in images]
    now = now_us()
    request = StyleRequested(
        request_id=uuid4().hex[:16],
        images=tuple(
            reference(one.sha256, len(image), _ANY)
            for one, image in zip(stored, images, strict=True)
        ),
        mask=mask,
        fill=fill,
        engine=engine,
        by=by.actor,
        requested_us=now,
    )
    identifier = arrival_id(source, request.request_id, "restyle")
    await publish_act(runtime, request, id=identifier, source=source, actor=by.actor)
    return request


async def find_restyling(runtime: Runtime, request_id: str, by: Credential) -> Restyling:
    """A request of somebody's own; an owner sees all.

    Raises:
        UnknownRestyling: there is none.
    """
    request = await _event(runtime, StyleRequested, request_id)
    if request is None or not (by.may("manage") or by.actor == request.by):
        raise UnknownRestyling(f"you have asked for no restyling {request_id!r}")
    ready = await _event(runtime, ImagesReady, request_id)
    problem = None
    if ready is None:
        steps = await runtime.store.read(
            partial(steps_of_subject, subject=request.correlation_key())
        )
        ended = [step for step in steps if step.outcome in ("rejected", "failed")]
        problem = (ended[-1].reason or ended[-1].error or "it failed") if ended else None
    return Restyling(request, ready, problem)


async def _event(runtime: Runtime, kind: type[P], key: str) -> P | None:
    """The newest event of a request."""
    found = None
    async for event in events_on_topic(runtime, kind, key):
        found = event.data
    return found
