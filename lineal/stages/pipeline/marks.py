"""On a broker that others write to as well: what neither a stage nor an ingress of ours published
is refused, unless it is of a type that others may send."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from lineal.admission import AdmissionPolicy, NotAllowed, check_allowed
from lineal.bus.marks import Marks
from lineal.bus.protocol import Delivery
from lineal.errors import PermanentFailure
from lineal.stages.pipeline.invocation import Invocation


class UnmarkedEvent(PermanentFailure):
    """An event that only lineal itself may publish has no valid mark: somebody else wrote it to the
    topic, or changed it."""


class CheckMarks:
    """Refuses events that only lineal itself may publish and that have no valid mark.

    Others may send types of their own that no installed stage makes, and these.
    """

    def __init__(self, marks: Marks, types: frozenset[str]) -> None:
        self._marks = marks
        self._types = types

    async def before(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if not self._marks.valid(invocation.event):
                await self._check_unmarked(invocation)

    async def _check_unmarked(self, invocation: Invocation) -> None:
        try:
            await check_mark(invocation.delivery, self._marks, self._types)
        except UnmarkedEvent as error:
            invocation.error = error
        if not self._marks.valid(invocation.event):
            invocation.event = invocation.event._replace(actor=None)

    async def after(self, invocations: Sequence[Invocation]) -> None:
        """Outputs are marked when they are published."""


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
        raise UnmarkedEvent(
            f"nobody of this installation published this event as it is, and {error}"
        ) from None


@cache
def _policy(types: frozenset[str]) -> AdmissionPolicy:
    return AdmissionPolicy(name="broker", types=types)
