"""``POST /events``: CloudEvents in binary, structured or batched content mode."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.access.credential import Credential
from lineal.admission import NotAllowed, admit, check_allowed, publish
from lineal.bus.topic_names import TOPIC_RULE, is_topic_name
from lineal.errors import LinealError, PermanentFailure, WrongConfiguration
from lineal.events import known_types
from lineal.registry.errors import RegistryUnavailable
from lineal.registry.events import decode_foreign, encode_foreign
from lineal.registry.protocol import Codec
from lineal.runtime import Runtime
from lineal.stages.decoding import decode_event
from lineal_catalog.documents.queries import is_visible_to
from lineal_producers.admission_policies import HTTP
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded, reader_names
from lineal_producers.on_behalf import check_on_behalf
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import MalformedEvent, RawEvent, now_us, published_again
from lineal_schemas.http_binding import UnsupportedFormat, from_http
from lineal_schemas.payload import Payload

log = structlog.get_logger(__name__)

_MAX_BYTES = 16 * 1024 * 1024
"""Of a body: it is held in memory, and files have an endpoint of their own."""
_MAX_EVENTS = 10_000
_MAX_SHOWN = 10
_INLINE_BYTES = 64 * 1024
"""Bodies up to this are read in the event loop; handing them to a thread would cost more."""
_TOO_LARGE = "send fewer events at once, and files to POST /documents"


class _Rejected(LinealError, ValueError):
    """Events that are well-formed and cannot be taken; one line for each."""

    def __init__(self, problems: list[str], status: int = 422) -> None:
        self.problems = problems
        self.status = status


def event_route(runtime: Runtime) -> Route:
    """Takes events in; answers 202 with ``[{id, topic, partition, offset}]``, in the order sent,
    when they are durable.

    An event goes on the topic that is named after its type. Arrivals of documents are taken, and
    types of a user's own that no installed stage makes (:data:`HTTP`). Of a batch all are taken or,
    when one is refused, none. Sending an event again, with the same id, is harmless; with
    ``?again=TOKEN`` it gets a new id, made of its own and the token, and counts again.
    """

    async def events(request: Request) -> Response:
        most = min(runtime.settings.upload_mb * 1024 * 1024, _MAX_BYTES)
        try:
            body = await limited(request, most, _TOO_LARGE).body()
        except ClientDisconnect:
            return Response(status_code=400)
        headers, credential = request.headers.raw, credential_in(request)
        again = request.query_params.get("again")
        try:
            large = len(body) > _INLINE_BYTES
            if large:
                sent = await asyncio.to_thread(_read, headers, body)
            else:
                sent = _read(headers, body)
            payloads = await _foreign_payloads(runtime.codec, sent)
            if large:
                taken = await asyncio.to_thread(_admitted, sent, payloads, credential)
            else:
                taken = _admitted(sent, payloads, credential)
            taken = await _encoded(runtime.codec, taken)
            await _check_visible(runtime, taken, reader_names(request))
        except UnsupportedFormat as error:
            raise HTTPException(415, str(error)) from error
        except MalformedEvent as error:
            raise HTTPException(400, str(error)) from error
        except _Rejected as error:
            return _refusal(error.problems, error.status)
        except (RegistryUnavailable, WrongConfiguration) as error:
            raise HTTPException(503, str(error)) from error
        if again:
            taken = [published_again(event, again) for event in taken]
        if problems := await _without_topic(runtime, taken):
            return _refusal(problems)
        going = [(event.type, event) for event in taken]
        placed = await publish(runtime.bus, runtime.objects, going)
        answer = [
            {
                "id": event.id,
                "topic": position.topic,
                "partition": position.partition,
                "offset": position.offset,
            }
            for position, event in zip(placed, taken, strict=True)
        ]
        return JSONResponse(answer, status_code=202)

    return guarded("publish", "/events", events, methods=["POST"])


def _read(headers: list[tuple[bytes, bytes]], body: bytes) -> list[RawEvent]:
    """The events of a request; one without a time has that of its arrival.

    Raises:
        MalformedEvent: there is no reading them.
    """
    events = from_http(headers, body, now_us())
    if len(events) > _MAX_EVENTS:
        raise HTTPException(413, f"send at most {_MAX_EVENTS} events at once")
    return events


async def _foreign_payloads(
    codec: Codec | None, events: list[RawEvent]
) -> list[Payload | PermanentFailure | None]:
    """The data of those events that are sent in a schema registry's wire format, or what is wrong
    with it; None for all others.

    Raises:
        RegistryUnavailable
        WrongConfiguration: no registry is set.
    """
    found: list[Payload | PermanentFailure | None] = []
    for event in events:
        try:
            found.append(await decode_foreign(codec, event))
        except PermanentFailure as error:
            found.append(error)
    return found


async def _encoded(codec: Codec | None, events: list[RawEvent]) -> list[RawEvent]:
    """Admitted events as those read them whose types they are of.

    Raises:
        _Rejected: one does not fit its schema.
        RegistryUnavailable
        WrongConfiguration: no registry is set.
    """
    encoded, problems = [], []
    for number, event in enumerate(events, 1):
        try:
            encoded.append(await encode_foreign(codec, event))
        except PermanentFailure as error:
            problems.append(_numbered(number, events, str(error)))
    if problems:
        raise _Rejected(problems)
    return encoded


def _admitted(
    events: list[RawEvent],
    payloads: list[Payload | PermanentFailure | None],
    credential: Credential,
) -> list[RawEvent]:
    """The events, as they are published.

    Args:
        payloads: see :func:`_foreign_payloads`.

    Raises:
        _Rejected: they can be read and may not be taken.
    """
    taken, problems, forbidden = [], [], False
    policy = credential.under(HTTP)
    for number, (event, payload) in enumerate(zip(events, payloads, strict=True), 1):
        try:
            check_allowed(event, policy)
            if isinstance(payload, PermanentFailure):
                raise payload
            admitted = admit(event, policy, payload=payload, actor=credential.actor)
            _check_content(admitted, credential)
            check_on_behalf(admitted, credential)
            if not is_topic_name(event.type):
                raise PermanentFailure(
                    f"no topic can be named after the type {event.type!r}: {TOPIC_RULE}"
                )
            taken.append(admitted)
        except PermanentFailure as error:
            problems.append(_numbered(number, events, str(error)))
            if isinstance(error, NotAllowed):
                forbidden = True
                log.warning(
                    "admission.refused", ingress=HTTP.name, type=event.type, id=event.id,
                    source=event.source, actor=credential.actor, reason=str(error),
                )  # fmt: skip
    if problems:
        raise _Rejected(problems, 403 if forbidden else 422)
    return taken


def _check_content(event: RawEvent, credential: Credential) -> None:
    """Check that an arrival claims nothing that only lineal can know of it: what it is attached to,
    and a stored object that its sender may not read, of which stages would give out what the
    sender asks them for.

    Raises:
        NotAllowed: it does.
    """
    if event.type != DocumentArrived.type:
        return
    arrived = decode_event(event)
    if not isinstance(arrived, DocumentArrived):
        return
    if arrived.parent is not None or arrived.depth:
        raise NotAllowed("what a document is attached to is found by lineal itself")
    if arrived.content is not None and not credential.may("read"):
        raise NotAllowed(
            "an arrival that names a stored object takes the scope read: "
            "send the file itself to POST /documents"
        )


async def _check_visible(
    runtime: Runtime, events: list[RawEvent], names: Collection[str] | None
) -> None:
    """Check that stored objects that arrivals name are those of documents that who asks may see.

    Raises:
        _Rejected: one is not.
    """
    if names is None:
        return
    problems = []
    for number, event in enumerate(events, 1):
        if event.type != DocumentArrived.type:
            continue
        arrived = decode_event(event)
        if not isinstance(arrived, DocumentArrived) or arrived.content is None:
            continue
        seen = partial(is_visible_to, document_id=arrived.document_id, names=names)
        if not await runtime.store.read(seen):
            problems.append(
                _numbered(
                    number, events, "no document that you may see has this content: send the file "
                    "itself to POST /documents",
                )
            )  # fmt: skip
    if problems:
        raise _Rejected(problems, 403)


async def _without_topic(runtime: Runtime, events: list[RawEvent]) -> list[str]:
    """Errors of events with an unknown type and no topic: a misspelt type is an error and not a new
    topic."""
    unknown = {event.type for event in events} - known_types().keys()
    if not unknown:
        return []
    unknown -= {topic.topic for topic in await runtime.bus.topics()}
    return [
        _numbered(
            number,
            events,
            f"no event type {event.type} is known here: correct it, or make a topic for your own "
            f"type with `lineal topics create {event.type}`",
        )
        for number, event in enumerate(events, 1)
        if event.type in unknown
    ]


def _numbered(number: int, events: list[RawEvent], problem: str) -> str:
    if len(events) == 1:
        return problem
    return f"event {number} of {len(events)} ({events[number - 1].id}): {problem}"


def _refusal(problems: list[str], status: int = 422) -> Response:
    shown = problems[:_MAX_SHOWN]
    more = f"; and {len(problems) - len(shown)} more" if len(problems) > len(shown) else ""
    return JSONResponse(
        {"error": f"nothing was published: {'; '.join(shown)}{more}", "problems": shown},
        status_code=status,
    )
