"""Events whose type others read and write by a schema registry: their data in its wire format.

Stages, programs and ingresses do it here alike.
"""

from __future__ import annotations

from collections.abc import Iterable

from lineal.errors import WrongConfiguration
from lineal.registry.errors import MalformedMessage
from lineal.registry.protocol import Codec
from lineal_schemas.envelope import RawEvent, decode_payload
from lineal_schemas.media_types import is_json
from lineal_schemas.payload import Payload, foreign_of, payload_types


def is_foreign(event: RawEvent) -> bool:
    """Whether an event's data is in a schema registry's wire format."""
    return foreign_of(event.type) is not None and not is_json(event.datacontenttype)


async def decode_foreign(codec: Codec | None, event: RawEvent) -> Payload | None:
    """The data of an event in a schema registry's wire format; None if it is in no such format.

    Raises:
        WrongConfiguration: no registry is set.
        As :class:`lineal.registry.codec.ForeignCodec`.
    """
    foreign = foreign_of(event.type)
    if foreign is None or is_json(event.datacontenttype):
        return None
    return await _set(codec, event).decode(payload_types()[event.type], foreign, event.data)


async def encode_foreign(
    codec: Codec | None, event: RawEvent, payload: Payload | None = None
) -> RawEvent:
    """An event as others read it: one of their types with its data in the wire format.

    Args:
        payload: its data, where the caller has decoded it already.

    Raises:
        As :func:`decode_foreign`.
    """
    foreign = foreign_of(event.type)
    if foreign is None or not is_json(event.datacontenttype):
        return event
    try:
        payload = payload or decode_payload(event)
    except ValueError as error:
        raise MalformedMessage(f"the data does not fit {event.type}: {error}") from error
    data = await _set(codec, event).encode(foreign, payload)
    return event._replace(data=data, datacontenttype=foreign.media_type)


async def encode_all(codec: Codec | None, events: Iterable[RawEvent]) -> list[RawEvent]:
    """Events as others read them, see :func:`encode_foreign`: all, or none where one fails."""
    return [await encode_foreign(codec, event) for event in events]


def _set(codec: Codec | None, event: RawEvent) -> Codec:
    if codec is None:
        raise WrongConfiguration(
            f"{event.type} is read and written by a schema registry: set its url under [registry], "
            "or LINEAL_REGISTRY__URL"
        )
    return codec
