"""The claim check: data too large for a bus goes to the object store, the event refers to it."""

from __future__ import annotations

from hashlib import sha256

from lineal.registry.events import is_foreign
from lineal.store.objects import SMALL_BYTES, ObjectStore, reference
from lineal_schemas.envelope import RawEvent
from lineal_schemas.media_types import is_media_type
from lineal_schemas.objects import ObjectRef

REFERENCE_MEDIA_TYPE = "application/vnd.lineal.reference+json"
"""``datacontenttype`` of an event whose data is an :class:`ObjectRef` to the real data."""


def is_reference(event: RawEvent) -> bool:
    """Whether an event's data is a reference to the real data."""
    return is_media_type(event.datacontenttype, REFERENCE_MEDIA_TYPE)


async def check_in(event: RawEvent, objects: ObjectStore) -> RawEvent:
    """The event as it may ride on the bus: itself, or with a reference in place of large data.

    Data in a schema registry's wire format stays: those who read it could not fetch it.
    """
    if len(event.data) <= SMALL_BYTES or is_foreign(event):
        return event
    await objects.put_large(event.data)
    ref = reference(sha256(event.data).hexdigest(), len(event.data), event.datacontenttype)
    return event._replace(data=ref.model_dump_json().encode(), datacontenttype=REFERENCE_MEDIA_TYPE)


async def check_out(event: RawEvent, objects: ObjectStore) -> RawEvent:
    """The event with its real data.

    Raises:
        ObjectMissing, ObjectCorrupt: the data cannot be had.
        pydantic.ValidationError: the reference is malformed.
    """
    if not is_reference(event):
        return event
    ref = ObjectRef.model_validate_json(event.data)
    return event._replace(data=await objects.get(ref), datacontenttype=ref.media_type)
