"""The nonce of a publication, which tells an event published again from one delivered again.

SNS drops a message whose deduplication id it was given within five minutes, and the inbox of a
group drops an event that the group has handled. That is right for an event that is published again
because nobody knows whether it was published, and wrong for one that is published again on purpose:
a redriven dead letter, what a replay makes. Those carry a *nonce*, which is part of the
deduplication id and of what the inbox knows. What is made of an event with a nonce carries it on,
or the next group would not handle it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from uuid import uuid4

from lineal.bus.aws.messages import Received
from lineal.bus.protocol import Addressed
from lineal.bus.topic_names import is_redrive_topic
from lineal_schemas.envelope import RawEvent

Nonce = str | None
_LENGTH = 16


def nonce_of_publication(topic: str, event: RawEvent) -> Nonce:
    """The nonce of an event that is published outside a group.

    An event that was caused by another and is published outside a group was made anew by a replay,
    or is that of a timer. Its time says which making of it this is: a second try has the same.
    """
    if is_redrive_topic(topic):
        return uuid4().hex[:_LENGTH]
    if event.causationid is not None:
        return f"{event.time:x}"
    return None


def nonces_of_outputs(outputs: Sequence[Addressed], acked: Sequence[Received]) -> list[Nonce]:
    """The nonce of each output of a batch: that of the delivery it was made of, which it names as
    its cause.

    An event may be delivered twice in one batch under different nonces. Each of the two has its own
    copy of an output then, in the order of the deliveries. Where one of them has none, copies get a
    nonce rather than none: a nonce too many has an event handled twice, one too few not at all.
    """
    causes: dict[str, list[Nonce]] = {}
    for message in acked:
        causes.setdefault(message.event.id, []).append(message.nonce)
    copies: dict[tuple[str, str], list[int]] = {}
    for number, (topic, event) in enumerate(outputs):
        copies.setdefault((topic, event.id), []).append(number)
    common = _combined([message.nonce for message in acked])
    nonces: list[Nonce] = [None] * len(outputs)
    for numbers in copies.values():
        cause = outputs[numbers[0]][1].causationid
        known = causes.get(cause, [common]) if cause is not None else [common]
        if len(numbers) < len(known):
            known = sorted(known, key=lambda nonce: nonce is not None)
        for place, number in enumerate(reversed(numbers), start=1):
            nonces[number] = known[-min(place, len(known))]
    return nonces


def _combined(nonces: Sequence[Nonce]) -> Nonce:
    """The nonce of an output whose cause is not in its batch."""
    different = sorted({nonce for nonce in nonces if nonce is not None})
    if len(different) < 2:
        return different[0] if different else None
    return sha256("\n".join(different).encode()).hexdigest()[:_LENGTH]
