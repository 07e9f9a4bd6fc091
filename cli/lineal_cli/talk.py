"""``lineal talk``: talks with a dialogue in the terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.5


def talk(
    dialogue: Annotated[
        str, typer.Argument(metavar="DIALOGUE", help="Its name: of dialogues/NAME.toml.")
    ],
    texts: Annotated[
        list[str] | None,
        typer.Option("--say", metavar="TEXT", help="Say this and end; may be given again."),
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", help="Who talks; you, unless given.")
    ] = None,
    channel: Annotated[str, typer.Option("--channel")] = "terminal",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Talk with a dialogue in the terminal.

    A daemon that runs the stage conversation replies. What you say is on the bus, as yours, and the
    conversation goes on where it was, whatever channel it was on before.
    """
    asyncio.run(_talk(existing_data(data), dialogue, texts, person, channel, as_json))


async def _talk(
    folder: Path, dialogue: str, texts: list[str] | None, person: str | None, channel: str,
    as_json: bool,
) -> None:  # fmt: skip
    from pydantic import ValidationError

    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.conversations.exchange import Exchange
    from lineal_schemas.conversations import UtteranceReceived
    from lineal_schemas.envelope import now_us

    async with open_runtime(load_settings(folder)) as runtime:
        by = await require_acting(runtime.store, "read")
        exchange, who = Exchange(runtime), person or by.actor
        shown_us = now_us()

        async def utter(text: str) -> None:
            nonlocal shown_us
            try:
                utterance = UtteranceReceived(
                    person=who, dialogue=dialogue, channel=channel, text=text
                )
            except ValidationError as error:
                first = error.errors()[0]
                raise CommandFailed(f"{first['loc'][0]}: {first['msg']}") from error
            reply = await exchange.send(utterance, by, _PATIENCE_SECONDS)
            shown_us = max(shown_us, reply.time_us)
            if as_json:
                print_json(reply.message.model_dump(mode="json"))
            else:
                typer.echo(reply.message.text)

        async def show_further() -> None:
            """What is replied later, as when a task is done."""
            nonlocal shown_us
            while True:
                await asyncio.sleep(_POLL_SECONDS)
                for reply in await exchange.replies(dialogue, who, shown_us):
                    shown_us = reply.time_us
                    typer.echo(reply.message.text)

        try:
            if texts is not None:
                for text in texts:
                    await utter(text)
                return
            further = asyncio.create_task(show_further()) if not as_json else None
            if sys.stdin.isatty():
                typer.echo("Say something; end with Ctrl-D.", err=True)
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip():
                    await utter(line.strip())
            if further is not None:
                further.cancel()
        finally:
            await exchange.close()
