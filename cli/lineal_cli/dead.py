"""``lineal dead``: lists, shows, redrives and drops dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import (
    count_of,
    on_terminal,
    plain,
    plain_lines,
    print_json,
    print_table,
    recently,
    short_id,
    when,
)
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.dead_letters import Letter
    from lineal.runtime import Runtime

    Act = Callable[[Runtime, Sequence[Letter]], Awaitable[list[Letter]]]
    Decide = Callable[[Runtime, Sequence[Letter], str | None], Awaitable[list[Letter]]]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List, show, redrive and drop what could not be handled.",
)

GroupOption = Annotated[
    str | None, typer.Option("--group", metavar="STAGE", help="Only those of this stage.")
]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="Only those of this key or correlation id.")
]
ErrorOption = Annotated[
    str | None, typer.Option("--error", metavar="CLASS", help="Only those of this error class.")
]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids or unique beginnings of ids.")
]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", help="Stands in the ledger for ever: name nobody in it.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All there are: needed without a filter.")]


@app.command("list")
def list_letters(
    group: GroupOption = None,
    key: KeyOption = None,
    error: ErrorOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the dead letters that wait for a decision, oldest first."""
    letters = asyncio.run(_choose(data, None, group, key, error))
    if as_json:
        print_json([_fields(letter) for letter in letters])
        return
    print_table(
        ("id", "time", "group", "key", "error", "attempts", "message"),
        [_cells(letter) for letter in letters],
        right=frozenset({"attempts"}),
        empty="No dead letter waits for a decision.",
    )


def _cells(letter: Letter) -> tuple[str, ...]:
    content = letter.content
    error, attempts, message = content.error_class, str(content.attempts), content.message
    if on_terminal():  # fewer columns: what is said needs the room
        error, attempts, message = "", "", f"{error}: {message}"
    return (
        short_id(letter.id),
        recently(letter.time),
        content.group,
        short_id(content.key),
        error,
        attempts,
        message,
    )


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="Id or unique beginning of an id.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a dead letter: the event, the error, and where it happened."""
    (letter,) = asyncio.run(_choose(data, [id], None, None, None))
    event = _original(letter)
    if as_json:
        print_json({**_fields(letter), "traceback": letter.content.traceback, "event": event})
        return
    content = letter.content
    typer.echo(f"{letter.id}  given up by {content.group}  {when(letter.time)}")
    typer.echo(f"{content.topic} {content.partition}/{content.offset}  key {plain(content.key)}")
    typer.echo(
        f"{content.error_class} after {count_of(content.attempts, 'attempt')}: "
        f"{plain_lines(content.message)}"
    )
    if content.traceback:
        typer.echo(f"\n{plain_lines(content.traceback)}")
    typer.echo(f"\n{plain_lines(orjson.dumps(event, option=orjson.OPT_INDENT_2).decode())}")


def _add_decision(name: str, done: str, load: Callable[[], Decide], summary: str) -> None:
    """Add the command of a decision; ``load`` imports what carries it out."""

    @app.command(name, help=summary)
    def decide(
        ids: IdsArgument = None,
        group: GroupOption = None,
        key: KeyOption = None,
        error: ErrorOption = None,
        every: AllOption = False,
        reason: ReasonOption = None,
        data: DataOption = None,
        as_json: JsonOption = False,
    ) -> None:
        if not (ids or group or key or error or every):
            raise typer.BadParameter("name ids, or a filter, or --all", param_hint="ID")
        decided: list[Letter] = []

        async def act(runtime: Runtime, letters: Sequence[Letter]) -> list[Letter]:
            decided.extend(await load()(runtime, letters, reason))
            return decided

        chosen = asyncio.run(_choose(data, ids, group, key, error, act))
        if as_json:
            print_json([_fields(letter) for letter in decided])
        else:
            typer.echo(f"{done} {count_of(len(decided), 'dead letter')}")
        if left := len(chosen) - len(decided):
            typer.echo(
                f"{count_of(left, 'dead letter')} left out: somebody else decides about them just "
                "now, or has decided; `lineal dead list` shows what still waits",
                err=True,
            )


def _redrive() -> Decide:
    from lineal.dead_letters import NobodyAnswersFor, NoRedriveTarget, redrive

    async def act(runtime: Runtime, letters: Sequence[Letter], reason: str | None) -> list[Letter]:
        try:
            return await redrive(runtime, letters, reason=reason)
        except NoRedriveTarget as refused:
            raise CommandFailed(
                "nothing was redriven: some of these were refused before they came onto the bus "
                "(their group is bridge), and no stage could read them again. Mend the cause and "
                "have the device send them again, or `lineal dead drop --group bridge`; redrive "
                "others by --group STAGE"
            ) from refused
        except NobodyAnswersFor as refused:
            raise CommandFailed(
                "nothing was redriven: of some of these nobody here knows who wrote them to the "
                "broker. `lineal dead show ID` shows one; drop it, or answer for it: publish its "
                "event yourself with `lineal emit TYPE --as-operator`"
            ) from refused

    return act


def _drop() -> Decide:
    from lineal.dead_letters import drop

    return lambda runtime, letters, reason: drop(runtime, letters, reason=reason)


_add_decision(
    "redrive", "redriven", _redrive, "Send events to their stage again, and only to it, once."
)
_add_decision("drop", "dropped", _drop, "Decide that nothing is to be done about them.")


async def _choose(
    data: Path | None,
    ids: list[str] | None,
    group: str | None,
    key: str | None,
    error: str | None,
    act: Act | None = None,
) -> list[Letter]:
    """The letters that are meant, after ``act`` was done to them."""
    from lineal.dead_letters import LetterFilter, waiting_letters
    from lineal.runtime import open_runtime

    chosen = LetterFilter(
        group=group, key=key, error_class=error, ids=frozenset(ids) if ids else None
    )
    async with open_runtime(load_settings(existing_data(data))) as runtime:
        letters = await waiting_letters(runtime, chosen)
        for wanted in ids or ():
            meant = sum(letter.id.startswith(wanted) for letter in letters)
            if meant == 0:
                raise CommandFailed(f"no dead letter {wanted} waits: `lineal dead list` lists them")
            if meant > 1:
                raise CommandFailed(f"{wanted} begins {meant} ids: give more of the id")
        if act is not None and letters:
            await act(runtime, letters)
    return letters


def _fields(letter: Letter) -> dict[str, Any]:
    content = letter.content
    return {
        "id": letter.id,
        "time": letter.time,
        "group": content.group,
        "topic": content.topic,
        "partition": content.partition,
        "offset": content.offset,
        "key": content.key,
        "story": content.correlation_id,  # the name that was promised
        "correlation_id": content.correlation_id,
        "error": content.error_class,
        "message": content.message,
        "attempts": content.attempts,
    }


def _original(letter: Letter) -> Any:
    """The event as its sender meant it: JSON as JSON, where the letter may keep its very bytes."""
    return orjson.loads(letter.event.to_json())
