"""A worker that something happens to between two steps of a commit, once.

``python -m tests.bus.kafka.hurt_worker WHEN SIGNAL ORDER``: WHEN is ``stored`` (the effects that
others read are in the store, Kafka knows nothing), or ``before`` or ``after`` the end of the
transaction is asked for; ORDER is that of :mod:`tests.conformance.worker`.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Sequence
from typing import Any

from lineal.committing import StoreFirstCommitter
from lineal.effects.effect import Effect
from lineal.kafka_client.transactions import TransactionalProducer

when, number = sys.argv[1], signal.Signals[sys.argv[2]]
sys.argv[1:] = sys.argv[3:]

_end = TransactionalProducer._end
_apply = StoreFirstCommitter._apply_read_by_others
_ended = 0


async def _end_hurt(self: TransactionalProducer, producer: Any) -> None:
    global _ended
    _ended += 1
    if _ended == 3 and when == "before":
        os.kill(os.getpid(), number)
    await _end(self, producer)
    if _ended == 3 and when == "after":
        os.kill(os.getpid(), number)


async def _apply_hurt(self: StoreFirstCommitter, effects: Sequence[Effect]) -> list[Effect]:
    later = await _apply(self, effects)
    if _ended == 2 and when == "stored":
        os.kill(os.getpid(), number)
    return later


TransactionalProducer._end = _end_hurt  # type: ignore[method-assign]
StoreFirstCommitter._apply_read_by_others = _apply_hurt  # type: ignore[method-assign]
runpy.run_module("tests.conformance.worker", run_name="__main__")
