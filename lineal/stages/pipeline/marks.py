"""On a broker that others write to as well: what neither a stage nor an ingress of ours published
is refused, unless it is of a type that others may send."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from lineal.admission import AdmissionPolicy, NotAllowed, admit_unmarked, check_allowed
from lineal.bus.marks import Marks
from lineal.bus.protocol import Delivery
from lineal.errors import PermanentFailure
from lineal.stages.pipeline.invocation import Invocation
from lineal_schemas.envelope import RawEvent


class UnmarkedEvent(PermanentFailure):
    """An event that only lineal itself may publish has no valid mark: somebody else wrote it to the
    topic, or changed it."""


class CheckMarks:
    """Refuses events that only lineal itself may publish and that have no valid mark.

    Others may send types of their own that no installed stage makes, and these. Nobody of ours has
    looked at them yet: they are admitted here, as an ingress would.
    """

    def __init__(self, marks: Marks, types: frozenset[str]) -> None:
        self._marks = marks
        self._types = types

    async def before(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            topic = invocation.delivery.position.topic
            try:
                invocation.event = await admit_shared(
                    invocation.event, topic, self._marks, self._types
                )
            except PermanentFailure as error:
                invocation.event = invocation.event._replace(actor=None)
                invocation.error = error

    async def after(self, invocations: Sequence[Invocation]) -> None:
        """Outputs are marked when they are published."""


async def admit_shared(
    event: RawEvent, topic: str, marks: Marks, types: frozenset[str]
) -> RawEvent:
    """An event of a shared broker as it may be handled: as it is where it has a valid mark, else as
    an ingress would admit it.

    Args:
        types: what others may send there beside types of their own.

    Raises:
        UnmarkedEvent: it has no valid mark, and others may not send it.
        PermanentFailure: it cannot be admitted.
    """
    if await marks.check(event):
        return event
    try:
        return admit_unmarked(event, _policy(types), topic)
    except NotAllowed as error:
        raise _refused(error) from None


async def check_mark(delivery: Delivery, marks: Marks, types: frozenset[str]) -> None:
    """Check that an event of a shared broker may be handled.

    Args:
        types: what others may send there beside types of their own.

    Raises:
        UnmarkedEvent: it has no valid mark, and others may not send it.
    """
    if await marks.check(delivery.event):
        return
    try:
        check_allowed(delivery.event, _policy(types), delivery.position.topic)
    except NotAllowed as error:
        raise _refused(error) from None


def _refused(error: NotAllowed) -> UnmarkedEvent:
    return UnmarkedEvent(f"nobody of this installation published this event as it is, and {error}")


@cache
def _policy(types: frozenset[str]) -> AdmissionPolicy:
    # Data that no stage can read is a dead letter of those that would.
    return AdmissionPolicy(name="broker", types=types, accepts_invalid=True)
