"""A worker that something happens to in the middle of a transaction, once.

``python -m tests.bus.kafka.hurt_worker WHEN SIGNAL ORDER``: WHEN is ``before`` or ``after`` the end
of the transaction is asked for; ORDER is that of :mod:`tests.conformance.worker`.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from typing import Any

from lineal.kafka_client.transactions import TransactionalProducer

when, number = sys.argv[1], signal.Signals[sys.argv[2]]
sys.argv[1:] = sys.argv[3:]

_end = TransactionalProducer._end
_ended = 0


async def _end_hurt(self: TransactionalProducer, producer: Any) -> None:
    global _ended
    _ended += 1
    if _ended == 3 and when == "before":
        os.kill(os.getpid(), number)
    await _end(self, producer)
    if _ended == 3 and when == "after":
        os.kill(os.getpid(), number)


TransactionalProducer._end = _end_hurt  # type: ignore[method-assign]
runpy.run_module("tests.conformance.worker", run_name="__main__")
