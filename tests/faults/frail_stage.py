"""A stage for the tests of faults: for chosen documents its engine crashes, hangs or eats memory.

Copied into a folder of its own and installed from there, with an entry point as anybody's stage
would have. It comes after the index, so that how it ends is how the document ends.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lineal.stages import Context, stage
from lineal_schemas.documents import DocumentIndexed

Fault = Literal["crash", "hang", "memory"]


class FrailConfig(BaseModel):
    model_config = ConfigDict(frozen=True)

    faults: dict[str, Fault] = {}
    """By document id."""


def engine(fault: Fault) -> None:
    """Runs in a worker process, until it does not."""
    if fault == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "hang":
        time.sleep(3600)
    while fault == "memory":
        _held.append(bytes(64 << 20))


_held: list[bytes] = []


@stage("frail", version="1", config=FrailConfig)
async def frail(document: DocumentIndexed, ctx: Context[FrailConfig]) -> None:
    fault = ctx.config.faults.get(document.document_id)
    if fault is not None:
        await ctx.run(engine, fault, seconds=1.0 if fault == "hang" else 60.0)
