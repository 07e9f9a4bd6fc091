"""The group that applies the lineage topic to the store."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from lineal.lineage.follower import LedgerFollower
from lineal.runtime import Runtime


@contextlib.asynccontextmanager
async def following(runtime: Runtime) -> AsyncIterator[LedgerFollower]:
    """A member of the group that applies the lineage topic, as every worker's process has."""
    follower = LedgerFollower(runtime.bus, runtime.store, runtime.marks)
    await follower.open()
    try:
        yield follower
    finally:
        await follower.close()
