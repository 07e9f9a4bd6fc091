"""What a step has made while its subject was erased is dropped, on a bus that cannot wait for it.

The embedded bus tells an erasure which steps are under way (:mod:`lineal.erasure.late_steps`); of a
broker nobody knows. So whoever has handled an event there looks again before anything is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from lineal.bus.erased_event import ERASED_REASON
from lineal.effects.retries import RetryEnded
from lineal.effects.seen import Seen
from lineal.effects.waiting import KeyReleased
from lineal.erasure.erasures import erasure_times
from lineal.erasure.references import referenced_by_others
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.services import Services

log = structlog.get_logger(__name__)

_KEPT = (Seen, RetryEnded, KeyReleased)
"""Effects that hold nothing of the subject, and that later events wait for."""


async def erased_before(
    services: Services, invocations: Sequence[Invocation]
) -> Sequence[Invocation]:
    """Those whose subject was erased after their event was made."""
    subjects = {invocation.event.correlationid for invocation in invocations}
    erased = await services.store.read(partial(erasure_times, subjects=subjects))
    return [
        invocation
        for invocation in invocations
        if invocation.event.time <= erased.get(invocation.event.correlationid, -1)
    ]


async def drop_erased(services: Services, invocations: Sequence[Invocation]) -> None:
    """Leave nothing of what was made of subjects that were erased meanwhile: no outputs, no
    effects, and no objects but those that others refer to."""
    for invocation in await erased_before(services, invocations):
        if invocation.error is not None or invocation.reason == ERASED_REASON:
            continue
        if invocation.step is not None:
            made = {artifact.sha256 for artifact in invocation.step.outputs}
            await _delete(services, invocation.event.correlationid, made)
        invocation.outcome, invocation.reason = "skipped", ERASED_REASON
        invocation.outputs, invocation.step, invocation.withdrawal = (), None, None
        invocation.effects[:] = [each for each in invocation.effects if isinstance(each, _KEPT)]


async def _delete(services: Services, subject: str, made: set[str]) -> None:
    stored = await services.objects.existing(made)
    if not stored:
        return
    shared = await services.store.read(
        lambda connection: referenced_by_others(connection, stored, {subject})
    )
    try:
        await services.objects.delete(frozenset(stored - shared))
    except Exception as error:
        # Workers may have no right to delete versions of objects: who erases has it.
        log.warning("erasure.objects_left", objects=sorted(stored - shared), error=str(error))
