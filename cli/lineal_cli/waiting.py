"""Waits until documents are done, and runs the stages that no other process runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import typer

from lineal.bus.protocol import active_groups
from lineal.daemon import Daemon
from lineal.runtime import Runtime
from lineal.stages.declaration import Stage
from lineal.stages.discovery import stages_after
from lineal_cli.document_status import DocumentStatus, document_status
from lineal_producers.arrival import Arrival
from lineal_schemas.documents import DocumentArrived

if TYPE_CHECKING:
    from lineal_cli.progress import DocumentBars

_POLL_SECONDS = 0.1
_COVER_SECONDS = 2.0


async def any_worker_running(runtime: Runtime) -> bool:
    """Whether any other process runs stages on this bus."""
    return bool(active_groups(await runtime.bus.topics()))


async def wait_until_done(
    runtime: Runtime, arrivals: Sequence[Arrival], *, quiet: bool
) -> list[DocumentStatus]:
    """Wait for all documents, with a progress bar for each unless ``quiet`` or not on a terminal.

    Stages that no other process works on, now or later, are run here.
    """
    stages = stages_after(DocumentArrived)
    statuses = {arrival.event_id: await document_status(runtime, arrival) for arrival in arrivals}
    pending = {arrival.event_id: arrival for arrival in arrivals}
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        bars = _bars(stack, stages, quiet)
        daemons: dict[str, Daemon] = {}
        look_for_workers = 0.0
        while pending:
            if loop.time() >= look_for_workers:
                working = active_groups(await runtime.bus.topics())
                idle = [
                    s for s in stages.values() if s.name not in working and s.name not in daemons
                ]
                if idle:
                    if not daemons and not quiet:
                        typer.echo(
                            "Nothing else is at work here: doing it in this process.", err=True
                        )
                    daemon = Daemon(runtime, idle)
                    stack.push_async_callback(daemon.stop)
                    await daemon.start()
                    daemons.update({stage.name: daemon for stage in idle})
                look_for_workers = loop.time() + _COVER_SECONDS
            for event_id, arrival in list(pending.items()):
                now = statuses[event_id] = await document_status(runtime, arrival)
                if now.done:
                    del pending[event_id]
            if bars is not None:
                bars.show(statuses)
            if pending:
                await asyncio.sleep(_POLL_SECONDS)
    return [statuses[arrival.event_id] for arrival in arrivals]


def _bars(stack: AsyncExitStack, stages: dict[str, Stage], quiet: bool) -> DocumentBars | None:
    if quiet or not sys.stderr.isatty():
        return None
    from lineal_cli.progress import DocumentBars

    return stack.enter_context(DocumentBars(stages))
