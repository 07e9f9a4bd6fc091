"""``lineal retry``: lists failed events that wait for their next attempt, tries them now, drops
them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json, print_table, short_id, when
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.delayed_retries import DelayedEvent
    from lineal.runtime import Runtime

    Act = Callable[[Runtime, Sequence[DelayedEvent]], Awaitable[list[DelayedEvent]]]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Failed events that wait for their next attempt: list, try now, drop.",
)

StageOption = Annotated[str | None, typer.Option("--stage", help="Only those of this stage.")]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="Only those of this key or correlation id.")
]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids or unique beginnings of ids.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All there are: needed without a filter.")]


@app.command("list")
def list_waiting(
    stage: StageOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the failed events that wait for their next attempt, the next first."""
    waiting, _ = asyncio.run(_choose(data, None, stage, key))
    if as_json:
        print_json([_fields(item) for item in waiting])
        return
    print_table(
        ("id", "next", "stage", "type", "key", "attempts"),
        [
            (
                short_id(item.event.id),
                when(item.due),
                item.stage,
                item.event.type,
                short_id(item.event.partitionkey),
                str(item.attempts),
            )
            for item in waiting
        ],
        right=frozenset({"attempts"}),
        empty="No failed event waits for its next attempt; `lineal dead list` has those given up.",
    )


@app.command()
def now(
    ids: IdsArgument = None,
    stage: StageOption = None,
    key: KeyOption = None,
    every: AllOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have events tried again at once, by whatever runs their stage."""
    from lineal.delayed_retries import retry_now

    _decide(ids, stage, key, every, data, as_json, retry_now, "to be tried again at once")


@app.command()
def drop(
    ids: IdsArgument = None,
    stage: StageOption = None,
    key: KeyOption = None,
    every: AllOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide that events are not tried again: they leave no dead letter."""
    from lineal.delayed_retries import drop_delayed

    _decide(ids, stage, key, every, data, as_json, drop_delayed, "dropped")


def _decide(
    ids: list[str] | None,
    stage: str | None,
    key: str | None,
    every: bool,
    data: Path | None,
    as_json: bool,
    act: Act,
    done: str,
) -> None:
    if not (ids or stage or key or every):
        raise typer.BadParameter("name ids, or a filter, or --all", param_hint="ID")
    chosen, decided = asyncio.run(_choose(data, ids, stage, key, act))
    if as_json:
        print_json([_fields(item) for item in decided])
    else:
        typer.echo(f"{count_of(len(decided), 'event')} {done}")
    if left := len(chosen) - len(decided):
        typer.echo(
            f"{count_of(left, 'event')} left out: tried again already, or decided about by "
            "somebody else; `lineal retry list` shows what still waits",
            err=True,
        )


async def _choose(
    data: Path | None,
    ids: list[str] | None,
    stage: str | None,
    key: str | None,
    act: Act | None = None,
) -> tuple[list[DelayedEvent], list[DelayedEvent]]:
    """The events that are meant, and those to which ``act`` was done."""
    from lineal.delayed_retries import DelayedFilter, delayed_events
    from lineal.runtime import open_runtime

    chosen = DelayedFilter(stage, key, frozenset(ids) if ids else None)
    async with open_runtime(load_settings(existing_data(data))) as runtime:
        waiting = await delayed_events(runtime, chosen)
        for wanted in ids or ():
            meant = sum(item.event.id.startswith(wanted) for item in waiting)
            if meant == 0:
                raise CommandFailed(
                    f"no event {wanted} waits for its next attempt: `lineal retry list` lists them"
                )
            if meant > 1:
                raise CommandFailed(
                    f"{wanted} means {meant} waiting events: give more of the id, or --stage"
                )
        return waiting, [] if act is None else await act(runtime, waiting)


def _fields(item: DelayedEvent) -> dict[str, Any]:
    event = item.event
    return {
        "id": event.id,
        "source": event.source,
        "stage": item.stage,
        "type": event.type,
        "key": event.partitionkey,
        "correlation_id": event.correlationid,
        "attempts": item.attempts,
        "next_us": item.due,
    }
