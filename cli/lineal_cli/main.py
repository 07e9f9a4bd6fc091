"""The command ``lineal``: finds a subcommand and imports its module only when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from lineal.plugins import Plugins, SkippedPlugin, accepted_plugins, plugins
from lineal_cli.commands import Command
from lineal_cli.options import errors_reported

_GROUP = "lineal.commands"
_OWN = "lineal"


def commands() -> dict[str, Command]:
    """The commands of all installed packages, ours first."""
    found = _found().loaded
    return {
        command.name: command
        for entry in sorted(found, key=lambda name: name != _OWN)
        for command in _listed(found[entry])
    }


def skipped_commands() -> tuple[SkippedPlugin, ...]:
    """Commands of installed packages that cannot be used, and why."""
    return _found().skipped


def _found() -> Plugins:
    return accepted_plugins(_GROUP, _problem_of)


def _listed(found: Any) -> Sequence[Any]:
    """An entry point gives a command, or several."""
    if isinstance(found, Command):
        return [found]
    return found if isinstance(found, Sequence) else [found]


def _problem_of(found: Any) -> str:
    own = plugins(_GROUP).loaded.get(_OWN, ())
    names = {command.name for command in _listed(own)}
    for item in _listed(found):
        if not isinstance(item, Command):
            return f"{type(item).__name__} is no Command"
        if found is not own and item.name in names:
            return f"lineal has a command {item.name} already"
    return ""


def load_command(name: str) -> Any:
    """Import a command and make it a click command."""
    module, _, attribute = commands()[name].target.partition(":")
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
        for name, command in commands().items():
            shown = TyperCommand(name, help=command.help, rich_help_panel=command.panel)
            self.add_command(shown, name)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(commands())

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in commands():
            self.add_command(load_command(args[0]), args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with errors_reported(as_json="--json" in ctx.args):
            return super().invoke(ctx)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An event bus for documents and sensors in which every result proves where it came from.",
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
