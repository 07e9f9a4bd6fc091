"""Runs stages that no other process runs, for as long as a command waits for what they make."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lineal_cli.options import CommandFailed

if TYPE_CHECKING:
    from lineal.runtime import Runtime


@asynccontextmanager
async def idle_stages_running(runtime: Runtime, names: Sequence[str]) -> AsyncIterator[None]:
    """While all of these stages work: those that no other process runs, in this one.

    Raises:
        CommandFailed: what a stage needs is not installed; says how to install it.
    """
    from lineal.bus.protocol import active_groups
    from lineal.daemon import Daemon
    from lineal.errors import UnknownStage
    from lineal.stages.discovery import find_stages

    working = active_groups(await runtime.bus.topics())
    idle = [name for name in names if name not in working]
    if not idle:
        yield
        return
    try:
        daemon = Daemon(runtime, find_stages(idle))
    except UnknownStage as error:
        raise CommandFailed(str(error)) from error
    await daemon.start()
    try:
        yield
    finally:
        await daemon.stop()
        await runtime.flush_ledger()


async def check_dead_letters(
    runtime: Runtime, stages: Sequence[str], subject: str, since: int
) -> None:
    """Look whether stages have given up on a subject.

    Args:
        since: microseconds since the Unix epoch; older dead letters are not looked at.

    Raises:
        CommandFailed: one has; says why.
    """
    from lineal.bus.protocol import Selection
    from lineal.bus.topic_names import dead_letter_topic
    from lineal.errors import UnknownTopic
    from lineal.events_on_topic import readable
    from lineal_schemas.envelope import decode
    from lineal_schemas.failures import DeadLetter

    for stage in stages:
        try:
            async for delivery in runtime.bus.read(
                dead_letter_topic(stage), Selection(from_time=since)
            ):
                if delivery.event.type != DeadLetter.type:
                    continue  # it was erased
                if not readable(delivery.position.topic, delivery.event):
                    continue
                letter = decode(delivery.event).data
                if isinstance(letter, DeadLetter) and letter.correlation_id == subject:
                    raise CommandFailed(letter.message)
        except UnknownTopic:
            continue
