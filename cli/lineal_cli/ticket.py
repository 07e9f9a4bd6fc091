"""``lineal ticket``: what conversations left to people."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table, recently, short_id
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What conversations left to people: list, and answer.",
)


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also those that were answered.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the tickets that wait for somebody, the oldest first."""
    found = asyncio.run(_list(existing_data(data), every))
    if as_json:
        print_json(found)
        return
    print_table(
        ("ticket", "dialogue", "said", "why", "contact", "created", "answered by"),
        [
            (short_id(one["ticket_id"]), one["dialogue"], one["text"], one["reason"],
             one["contact"] or "", recently(one["created_us"]), one["answered_by"] or "")
            for one in found
        ],
        empty="No ticket waits for anybody.",
    )  # fmt: skip


async def _list(folder: Path, every: bool) -> list[dict[str, Any]]:
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.conversations.tickets import list_tickets

    async with open_runtime(load_settings(folder)) as runtime:
        by = await require_acting(runtime.store, "review")
        return [one._asdict() for one in await list_tickets(runtime, by, all=every)]


@app.command()
def answer(
    ticket: Annotated[
        str, typer.Argument(metavar="TICKET", help="Id, or the unique beginning of one.")
    ],
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What the person is told.")
    ] = None,
    intent: Annotated[
        str | None,
        typer.Option("--intent", help="What it should have been taken for; it is learnt from."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a ticket: the person is told, and what they said is learnt from."""
    found = asyncio.run(_answer(existing_data(data), ticket, text, intent))
    if as_json:
        print_json(found)
    else:
        learnt = f"learnt as {intent}" if intent else "learnt as nothing that the dialogue knows"
        typer.echo(f"{short_id(found['ticket_id'])} is answered; {found['text']!r} is {learnt}")


async def _answer(
    folder: Path, ticket: str, text: str | None, intent: str | None
) -> dict[str, Any]:
    from pydantic import ValidationError

    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.conversations.tickets import answer_ticket

    async with open_runtime(load_settings(folder)) as runtime:
        by = await require_acting(runtime.store, "review")
        try:
            made = await answer_ticket(runtime, by, ticket, text, intent)
        except ValidationError as error:
            first = error.errors()[0]
            raise CommandFailed(f"{first['loc'][0]}: {first['msg']}") from error
    return made.model_dump(mode="json")
