"""``lineal``: the table of commands. A command's module is imported when that command runs."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from lineal_cli.options import errors_reported

_SYSTEM, _DOCUMENTS, _EVENTS, _STAGES = "System", "Documents", "Events", "Stages"
_DEVICES = "Devices"


class Entry(NamedTuple):
    """A command before it is imported."""

    target: str
    """``module:name`` of its function, or of the typer app that holds its own commands."""
    panel: str
    help: str
    """The first line of its docstring, so that ``lineal --help`` imports nothing."""


COMMANDS = {
    "up": Entry("lineal_cli.up:up", _SYSTEM, "Start everything: inbox, HTTP and all stages."),
    "run": Entry("lineal_cli.run:run", _SYSTEM, "Run chosen stages as a daemon."),
    "produce": Entry(
        "lineal_cli.produce:produce", _SYSTEM, "Run chosen producers as a daemon: http, folder."
    ),
    "bridge": Entry(
        "lineal_cli.bridge:bridge", _SYSTEM, "Bring what devices publish over MQTT onto the bus."
    ),
    "doctor": Entry("lineal_cli.doctor:doctor", _SYSTEM, "Check that this machine can do it all."),
    "migrate": Entry(
        "lineal_cli.migrate:migrate", _SYSTEM, "Copy everything to another bus, store or bucket."
    ),
    "put": Entry("lineal_cli.put:put", _DOCUMENTS, "Put files on the bus."),
    "sync": Entry("lineal_cli.sync:sync", _DOCUMENTS, "Put the documents of a bucket on the bus."),
    "search": Entry("lineal_cli.search:search", _DOCUMENTS, "Find pages by their text."),
    "documents": Entry(
        "lineal_cli.documents:documents", _DOCUMENTS, "List documents and where they stand."
    ),
    "show": Entry(
        "lineal_cli.show:show", _DOCUMENTS, "Show a document, or give it out in one of its forms."
    ),
    "lineage": Entry(
        "lineal_cli.lineage:lineage",
        _DOCUMENTS,
        "Show every step that led to a document's outputs.",
    ),
    "device": Entry(
        "lineal_cli.device:app",
        _DEVICES,
        "List and show devices, and give new ones their certificates.",
    ),
    "label": Entry(
        "lineal_cli.label:label", _DOCUMENTS, "Say what kind a document is, to learn from."
    ),
    "topics": Entry("lineal_cli.topics:app", _EVENTS, "List topics with their groups and lag."),
    "tail": Entry("lineal_cli.tail:tail", _EVENTS, "Follow the events of a topic."),
    "emit": Entry("lineal_cli.emit:emit", _EVENTS, "Publish events from a file or standard input."),
    "dead": Entry(
        "lineal_cli.dead:app", _EVENTS, "List, show, redrive and drop what could not be handled."
    ),
    "model": Entry(
        "lineal_cli.model:app",
        _DEVICES,
        "Trained models: list, show, train, evaluate, promote, and go back.",
    ),
    "simulate": Entry(
        "lineal_cli.simulate:simulate", _DEVICES, "Simulate turbines that send readings."
    ),
    "deploy": Entry(
        "lineal_cli.deploy:app", _DEVICES, "Bring models to devices, in rings; look on, or stop it."
    ),
    "stages": Entry("lineal_cli.stages:stages", _STAGES, "List the installed stages."),
    "replay": Entry(
        "lineal_cli.replay:replay", _STAGES, "Handle events again: all, some, or what is stale."
    ),
    "rebuild": Entry(
        "lineal_cli.rebuild:rebuild", _STAGES, "Make the metadata tables again from the ledger."
    ),
    "schema": Entry(
        "lineal_cli.schema:app", _STAGES, "Publish the JSON Schemas and keep them compatible."
    ),
}


def load_command(name: str) -> Any:
    """Import a command and make it a click command."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


class LazyGroup(TyperGroup):
    """Lists all commands from the table, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.help, rich_help_panel=entry.panel), name)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in COMMANDS:
            self.add_command(load_command(args[0]), args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with errors_reported():
            return super().invoke(ctx)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An event bus for documents and sensors in which every result shows where it came from.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"lineal {version('lineal')}")
        raise typer.Exit()


@app.callback()
def lineal(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Everything is in the commands; this holds the options before them."""


def main() -> None:
    """The console script ``lineal``."""
    typer.main.get_command(app)(prog_name="lineal")


if __name__ == "__main__":
    main()
