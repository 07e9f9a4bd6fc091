"""Asks whether the sender of an event may do what the event is for."""

from __future__ import annotations

from lineal.access.acts import Act, NotPermitted
from lineal.access.senders import credential_of_actor
from lineal.errors import PermanentFailure
from lineal.store.connection import Store
from lineal_schemas.envelope import RawEvent

SOURCE_OF_STAGES = "lineal:stage/"


class SenderNotPermitted(PermanentFailure):
    """The sender of the event may not do what it asks for."""


async def require_sender(store: Store, event: RawEvent, act: Act) -> None:
    """Check that the sender of an event may do something.

    Args:
        event: one that nobody but lineal can have published with this source and actor: on the
            embedded bus, or with a valid mark.

    Raises:
        SenderNotPermitted
    """
    actor = event.actor
    if actor is None:
        if not event.source.startswith(SOURCE_OF_STAGES):
            raise SenderNotPermitted(f"nobody is known to have sent this event: it takes {act}")
        return
    credential = await store.read(lambda connection: credential_of_actor(connection, actor))
    try:
        credential.require(act)
    except NotPermitted as error:
        raise SenderNotPermitted(str(error)) from None
