"""Tags and labels that people give to documents: an act, and which tags there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import partial

from lineal.access.credential import Credential
from lineal.acts import publish_acts
from lineal.errors import LinealError
from lineal.observability.tracing import first_traceparent
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.document_filter import DocumentFilter
from lineal_catalog.documents.listing import FacetCount, count_tags
from lineal_catalog.documents.queries import documents_by_id
from lineal_catalog.documents.renditions import ANALYSIS, find_renditions
from lineal_schemas.descriptions import DocumentDescribed
from lineal_schemas.envelope import RawEvent, first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.objects import ObjectRef
from lineal_schemas.salt import new_salt

SPOKEN_FOR: Mapping[str, str] = {
    "class": "`lineal tag set DOC type=...` says what a document is",
    "type": "a review of its class says what a document is",
    "owner": "who may see a document is said where it comes from",
    "name": "a document has the name under which it arrived",
    "tag": "give the tag itself",
}
"""Keys that are no labels of documents, each with what to do instead."""


class UnfitLabel(LinealError, ValueError):
    """A tag or label cannot be given to a document; says why."""


async def describe(
    runtime: Runtime,
    document_ids: Sequence[str],
    by: Credential,
    source: str,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> list[str]:
    """Give tags and labels to documents, or take them away; the ids of the events.

    Args:
        labels: an empty value takes a label away.
        source: the ingress: ``lineal:cli/tag``, ``lineal:http``.

    Raises:
        NotPermitted: they may not.
        UnfitLabel: a name means something else.
        ValidationError: a name or value is not as it has to be, or nothing is said.
    """
    by.require("review")
    said = dict(labels or {})
    for key in said:
        if key in SPOKEN_FOR:
            raise UnfitLabel(f"{key} is no label: {SPOKEN_FOR[key]}")
    if said.get("date"):
        try:
            date.fromisoformat(said["date"])
        except ValueError as error:
            raise UnfitLabel(f"date is a day as 2026-03-31, not {said['date']!r}") from error
    for info in await runtime.store.read(partial(documents_by_id, ids=document_ids)):
        for tag in add:
            if tag in info.labels:
                raise UnfitLabel(f"{tag} is a label of {info.name}: {tag}={info.labels[tag]}")

    def build(connection: Connection) -> list[RawEvent]:
        return [
            _event(
                DocumentDescribed(
                    document_id=document_id, added=tuple(add), removed=tuple(remove), labels=said,
                    **_readings(connection, document_id) if said else {},
                    by=by.actor, described_us=now_us(), salt=new_salt(),
                ),
                source,
                by.actor,
            )
            for document_id in document_ids
        ]  # fmt: skip

    events = await runtime.store.read(build)
    await publish_acts(runtime, events)
    return [event.id for event in events]


def _readings(connection: Connection, document_id: str) -> dict[str, ObjectRef]:
    """What is to be learnt from: the stored reading and analysis, as far as there are any."""
    renditions = find_renditions(connection, document_id)
    found = {"result": renditions.get("json"), "analysis": renditions.get(ANALYSIS)}
    return {
        name: reference(item.sha256, item.bytes, item.media_type)
        for name, item in found.items()
        if item is not None
    }


def _event(payload: DocumentDescribed, source: str, actor: str) -> RawEvent:
    occurrence = f"described\n{payload.described_us}\n{payload.salt}"
    identifier = arrival_id(source, payload.document_id, occurrence)
    return first_event(
        payload,
        id=identifier,
        source=source,
        actor=actor,
        traceparent=first_traceparent(payload.correlation_key(), identifier),
    )


def list_tags(connection: Connection, names: Collection[str] | None = None) -> list[FacetCount]:
    """All tags, with how many documents have each, the most frequent first.

    Args:
        names: those of who asks, who counts only what they may see; None: an owner.
    """
    return count_tags(connection, DocumentFilter(), names=names)
