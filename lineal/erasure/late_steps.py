"""What steps that were handling a subject while it was erased write after all: erased too.

The embedded bus knows which events of the subject a worker is handling: they are waited for, and
what these steps have left is erased like the rest, with a record of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

from lineal.access.credential import Credential
from lineal.bus.embedded.erasing import in_flight
from lineal.erasure.erase import ErasurePlan, erase, plan_erasure
from lineal.runtime import Runtime

MAX_SECONDS = 20.0
"""How long steps are waited for."""
_POLL_SECONDS = 0.1


async def erase_late(
    runtime: Runtime,
    plans: Sequence[ErasurePlan],
    reason: str,
    *,
    by: Credential,
    seconds: float = MAX_SECONDS,
) -> tuple[Counter[str], list[str]]:
    """Wait for the steps that are handling what was just erased, and erase what they have made.

    Args:
        plans: that were carried out.
        seconds: to wait, at most.

    Returns:
        How much was erased, by place, and the subjects that are still being handled.

    Raises:
        As :func:`lineal.erasure.erase.erase`.
    """
    counts: Counter[str] = Counter()
    unfinished: list[str] = []
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    for plan in plans:
        current = plan
        while await _handled(runtime, current):
            if not await _until_done(runtime, current, until):
                unfinished += plan.references.subjects
                break
            current = await plan_erasure(runtime, plan.references.subjects)
            if current.counts:
                counts += await erase(runtime, current, reason, by=by)
    return counts, unfinished


async def _handled(runtime: Runtime, plan: ErasurePlan) -> bool:
    """Whether workers may be handling events of a plan."""
    if plan.events is None or (embedded := runtime.embedded_bus) is None:
        return False
    find = partial(in_flight, subjects=plan.references.subjects, found=plan.events)
    return await embedded.database.read(find)


async def _until_done(runtime: Runtime, plan: ErasurePlan, until: float) -> bool:
    loop = asyncio.get_running_loop()
    while await _handled(runtime, plan):
        if loop.time() > until:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
