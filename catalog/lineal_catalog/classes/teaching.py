"""Teaches a class of documents: says of documents what they are, as a person, or forgets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from lineal.access.credential import Credential
from lineal.acts import publish_acts
from lineal.errors import LinealError
from lineal.observability.tracing import first_traceparent
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.classes.queries import examples_of
from lineal_catalog.documents.renditions import find_renditions, reading_of
from lineal_catalog.reviews.answers import complete
from lineal_catalog.reviews.item_state import ReviewConflict
from lineal_catalog.reviews.queries import Filter, UnknownReview, list_reviews
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.envelope import RawEvent, first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.reviews import ReviewValue


class NotRead(LinealError, ValueError):
    """A document has no text yet: it cannot be learnt from before it was read."""


async def teach(
    runtime: Runtime, examples: Mapping[str, str], by: Credential, source: str
) -> list[str]:
    """Say what documents are; the ids of the events. What is said again replaces what was said.

    If people were asked of what class one is, that is answered by it: the document is of this
    class from then on.

    Args:
        examples: the class by the id of the document.
        source: the ingress: ``lineal:cli/class``, ``lineal:http``.

    Raises:
        NotPermitted: they may not.
        NotRead: nothing was said of any of the documents.
        ValidationError: a class has no name, or one of more than 100 characters.
    """
    by.require("review")

    def build(connection: Connection) -> list[RawEvent]:
        return [
            _labelled(connection, document_id, name, by.actor, source)
            for document_id, name in examples.items()
        ]

    events = await runtime.store.read(build)
    await publish_acts(runtime, events)
    for document_id, name in examples.items():
        await _answer(runtime, document_id, name, Reviewer.of(by))
    return [event.id for event in events]


async def _answer(runtime: Runtime, document_id: str, name: str, who: Reviewer) -> None:
    """Answer the open questions of what class a document is."""
    wanted = Filter(subject=f"document:{document_id}", target="class")
    waiting = await runtime.store.read(
        partial(list_reviews, now=now_us(), wanted=wanted, names=who.names)
    )
    for item in waiting:
        # who works on it, or was first, says something of their own
        with suppress(ReviewConflict, UnknownReview):
            await complete(runtime, item.item_id, ReviewValue(document_class=name), who)


class NoExample(LinealError, LookupError):
    """A document is an example of nothing."""


async def forget(
    runtime: Runtime, document_ids: Sequence[str], by: Credential, source: str
) -> list[str]:
    """Documents are examples no longer; the ids of the events. The next iteration learns without
    them; what they are classed as stays.

    Raises:
        NotPermitted: they may not.
        NoExample: one of the documents is no example.
    """
    by.require("review")
    known = await examples_of(runtime)
    for document_id in document_ids:
        if document_id not in known:
            raise NoExample(f"document {document_id} is no example of a class")

    def build(connection: Connection) -> list[RawEvent]:
        return [
            _labelled(connection, document_id, known[document_id], by.actor, source, withdrawn=True)
            for document_id in document_ids
        ]

    events = await runtime.store.read(build)
    await publish_acts(runtime, events)
    return [event.id for event in events]


def _labelled(
    connection: Connection,
    document_id: str,
    name: str,
    actor: str,
    source: str,
    *,
    withdrawn: bool = False,
) -> RawEvent:
    renditions = find_renditions(connection, document_id)
    text = renditions.get("text")
    if text is None:
        raise NotRead(f"document {document_id} has no text yet: say later what it is")
    now = now_us()
    payload = DocumentLabelled(
        document_id=document_id,
        label=name,
        text=reference(text.sha256, text.bytes, text.media_type),
        result=reading_of(renditions),
        by=actor,
        labelled_us=now,
        withdrawn=withdrawn,
    )
    identifier = arrival_id(source, text.sha256, f"{document_id}\n{name}\n{now}\n{withdrawn}")
    return first_event(
        payload,
        id=identifier,
        source=source,
        actor=actor,
        traceparent=first_traceparent(payload.correlation_key(), identifier),
    )
