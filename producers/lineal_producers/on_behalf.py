"""Whether the sender of an event may say what it says in the name of somebody."""

from __future__ import annotations

from lineal.access.acts import NotPermitted
from lineal.access.credential import Credential
from lineal.admission import NotAllowed
from lineal.errors import PermanentFailure
from lineal.stages.decoding import decode_event
from lineal_schemas.conversations import UtteranceReceived
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import RawEvent


def check_on_behalf(event: RawEvent, credential: Credential) -> None:
    """Check that an arrival has an owner whom its sender may name, that its access list is not made
    by somebody who could so hide from others what they see, and that an utterance is its sender's.

    Raises:
        NotAllowed: it takes the act *represent*.
    """
    if event.type not in (DocumentArrived.type, UtteranceReceived.type):
        return
    try:
        said = decode_event(event)
    except PermanentFailure:
        return  # ends as a dead letter, where it was admitted at all
    try:
        if isinstance(said, DocumentArrived):
            if credential.owner_of(said.owner) != said.owner:
                raise NotAllowed(
                    f"{credential.actor} is bound to the owner {credential.owner!r}: say so in it"
                )
            if said.readers is not None:
                credential.require("represent")
        elif isinstance(said, UtteranceReceived) and said.person != credential.actor:
            credential.require("represent")
    except NotPermitted as error:
        raise NotAllowed(str(error)) from error
