"""``lineal tail``: prints the events of a topic as they arrive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import clock, console, on_terminal, plain, write_bytes
from lineal_cli.reading import existing_data
from lineal_cli.start_positions import SYNTAX, StartPosition, parse_position

if TYPE_CHECKING:
    from lineal.bus.protocol import Delivery, Position
    from lineal.store.objects import ObjectStore
    from lineal_schemas.envelope import RawEvent

_MAX_SHOWN = 400
"""Bytes of data; the terminal's width cuts further."""


def tail(
    topic: Annotated[str, typer.Argument(help="`lineal topics` lists them.")],
    start: Annotated[str, typer.Option("--from", metavar="WHERE", help=f"{SYNTAX}.")] = "now",
    key: Annotated[str | None, typer.Option(help="Only events of this partition key.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="End after this many events.", show_default=False)
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for further events.")
    ] = True,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow the events of a topic.

    On a terminal a short line an event; in a pipe or with --json the event itself, as one line of
    CloudEvents JSON.
    """
    position = parse_position(start, time.time_ns() // 1000)
    folder = existing_data(data)
    asyncio.run(_tail(folder, topic, position, key, limit, follow, as_json or not on_terminal()))


async def _tail(
    folder: Path,
    topic: str,
    position: StartPosition,
    key: str | None,
    limit: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    from lineal.bus.protocol import Selection
    from lineal.runtime import open_runtime

    selection = Selection(
        from_time=position.time, from_offset=position.offset, from_now=position.now, key=key
    )
    async with open_runtime(load_settings(folder)) as runtime:
        deliveries = runtime.bus.read(topic, selection, follow=follow)
        printing = asyncio.create_task(_print_events(deliveries, runtime.objects, limit, as_json))
        await _unless_reader_goes(printing)


async def _print_events(
    deliveries: AsyncIterator[Delivery],
    objects: ObjectStore,
    limit: int | None,
    as_json: bool,
) -> None:
    from lineal.bus.claim_check import check_out
    from lineal.errors import ObjectMissing

    printed = 0
    async for position, event, _ in deliveries:
        # Who reads a pipe cannot fetch large data from the store, so it is put in its place.
        with contextlib.suppress(ObjectMissing, ValueError):
            event = await check_out(event, objects)
        if as_json:
            # In JSON a newline is never part of a value: taking it out makes one line of it.
            write_bytes(event.to_json().replace(b"\n", b" ") + b"\n")
        else:
            _print_short(position, event)
        printed += 1
        if printed == limit:
            return


def _print_short(position: Position, event: RawEvent) -> None:
    from rich.text import Text

    shown = plain(event.data[:_MAX_SHOWN].decode(errors="replace"))
    console().print(
        Text.assemble(
            (clock(event.time), "dim"),
            (f"  {position.partition}/{position.offset}", "dim"),
            (f"  {plain(event.type)}", "bold cyan"),
            (f"  {plain(event.partitionkey)}", "green"),
            f"  {shown}",
        ),
        no_wrap=True,
        overflow="ellipsis",
        crop=True,
    )


async def _unless_reader_goes(printing: asyncio.Task[None]) -> None:
    """Wait for the printing, or until the reader of standard output is gone.

    Raises:
        BrokenPipeError: nobody does. Without looking for it, ``lineal tail | head -1`` would stay
            until the next event comes.
    """
    loop = asyncio.get_running_loop()
    gone = False

    def reader_went() -> None:
        nonlocal gone
        gone = True
        printing.cancel()

    watched = _pipe_out()
    if watched is not None:
        loop.add_reader(watched, reader_went)  # a pipe's writing end only ever reports its closing
    try:
        await printing
    except asyncio.CancelledError:
        if gone:
            raise BrokenPipeError from None
        raise
    finally:
        if watched is not None:
            loop.remove_reader(watched)


def _pipe_out() -> int | None:
    try:
        descriptor = sys.stdout.fileno()
        return descriptor if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else None
    except (OSError, ValueError):
        return None
