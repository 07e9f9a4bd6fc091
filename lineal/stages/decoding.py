"""Decodes an event's data as its payload type, with errors in plain words."""

from __future__ import annotations

from pydantic import ValidationError

from lineal.bus.unreadable import UNREADABLE
from lineal.errors import PermanentFailure
from lineal.stages.declaration import Stage
from lineal.stages.handlers import Handler
from lineal_schemas.envelope import MalformedEvent, RawEvent, decode_payload
from lineal_schemas.payload import Payload, UnknownPayload


def decode_event(raw: RawEvent) -> Payload:
    """The data of an event.

    Raises:
        PermanentFailure: it cannot be decoded; trying again is of no use.
    """
    if raw.type == UNREADABLE:
        raise PermanentFailure(f"this is no event: {raw.subject}")
    try:
        return decode_payload(raw)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'data'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise PermanentFailure(f"the data does not fit {raw.type}: {problems}") from error
    except (MalformedEvent, UnknownPayload, ValueError) as error:
        raise PermanentFailure(str(error)) from error


def decode_for(
    stage: Stage, event: RawEvent, payload: Payload | None = None
) -> tuple[Payload, Handler]:
    """The data of an event that a stage takes, and what handles it.

    Args:
        payload: the data, where it was read already.

    Raises:
        PermanentFailure: it cannot be understood, or is of a type that the stage does not take.
    """
    if payload is None:
        payload = decode_event(event)
    handler = stage.handler_for(payload)
    if handler is None:
        taken = ", ".join(item.type for item in stage.inputs)
        raise PermanentFailure(f"stage {stage.name!r} takes {taken}, not {event.type}")
    return payload, handler
