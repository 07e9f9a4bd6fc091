"""Runs what a reviewer does at the command line, as the account that runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lineal_cli.options import load_settings
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_catalog.reviews.reviewer import Reviewer

R = TypeVar("R")


def as_reviewer(data: Path | None, work: Callable[[Runtime, Reviewer], Awaitable[R]]) -> R:
    """Do something with a runtime, by what the account may do."""
    folder = existing_data(data)

    async def run() -> R:
        from lineal.access.senders import acting_credential
        from lineal.runtime import open_runtime
        from lineal_catalog.reviews.reviewer import Reviewer

        async with open_runtime(load_settings(folder)) as runtime:
            await runtime.flush_ledger()
            credential = await runtime.store.read(acting_credential)
            return await work(runtime, Reviewer.of(credential))

    return asyncio.run(run())
