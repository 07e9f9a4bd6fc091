"""Options that commands share, and errors as one line and an exit code."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal.errors import LinealError

if TYPE_CHECKING:
    from lineal.settings import Settings

FAILED = 1
USED_WRONGLY = 2
INTERRUPTED = 130
PIPE_CLOSED = 141
"""As a shell reports a program that SIGPIPE ended."""
_PREFIX = "LINEAL_"
_RESEMBLES = 0.6
"""As alike as a misspelt name is, by difflib."""
_UsageError: Any = typer.BadParameter.__mro__[1]
"""That a command is used wrongly: of this typer has no public name."""

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of everything lineal keeps; LINEAL_DATA, `data` in lineal.toml, or ./data.",
        show_default=False,
    ),
]
InboxOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--inbox",
        metavar="DIR",
        help="Folder to watch, made if missing; may be given again; ./inbox.",
        show_default=False,
    ),
]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model.")]
ModelVersionArgument = Annotated[
    int | None, typer.Argument(metavar="VERSION", help="The one in use, or the newest.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def split_list(given: Sequence[str]) -> list[str]:
    """The parts of an option that takes several: joined by commas, each with an option of its own,
    or both. No part is empty."""
    return [part for text in given for each in text.split(",") if (part := each.strip())]


class CommandFailed(LinealError):
    """A command cannot do what it was asked; the text says why and what to do."""


def data_folder(given: Path | None) -> Path:
    """The data folder, found as :class:`lineal.settings.Settings` finds it but without the cost
    of importing it.

    Raises:
        CommandFailed: ``lineal.toml`` cannot be read.
    """
    return given if given is not None else Path(plain_setting("data", "data"))


def plain_setting(name: str, default: str) -> str:
    """A setting that is a string, found as :class:`lineal.settings.Settings` finds it but without
    the cost of importing it, unless another name resembles this one: then all are checked.

    Raises:
        CommandFailed: ``lineal.toml`` cannot be read, or a setting is wrong.
    """
    given = {key.upper(): value for key, value in os.environ.items()}
    if (value := given.get(f"{_PREFIX}{name.upper()}")) is not None:
        return value
    in_file = _file_settings()
    if name not in in_file:
        variables = (key.removeprefix(_PREFIX).lower() for key in given if key.startswith(_PREFIX))
        if difflib.get_close_matches(name, {*in_file, *variables}, n=1, cutoff=_RESEMBLES):
            load_settings()
        return default
    found = in_file[name]
    if not isinstance(found, str):
        raise CommandFailed(f"lineal.toml: {name} is not a string. Correct it.")
    return found


def _file_settings() -> dict[str, Any]:
    try:
        with Path("lineal.toml").open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandFailed(f"lineal.toml cannot be read: {error}. Correct it.") from error


def _log_to_stderr() -> None:
    """Keep what is logged out of a command's answer; daemons set up more of it."""
    import structlog

    if not structlog.is_configured():
        # looked up for each line: it is another one when commands run one after the other
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def load_settings(data: Path | None = None, **given: Any) -> Settings:
    """All settings; ``data`` and what else is given (and not None) win over all other sources.

    Raises:
        CommandFailed: a setting is wrong; says which and where it may come from.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from lineal.settings import Settings

    _log_to_stderr()
    chosen = {name: value for name, value in {"data": data, **given}.items() if value is not None}
    try:
        return Settings(**chosen)
    except ValidationError as error:
        from lineal.setting_names import setting_problems
        from lineal.settings import all_settings

        problems = setting_problems(error, all_settings())
        end = "" if problems.endswith("?") else "."
        raise CommandFailed(
            f"wrong setting: {problems}{end} Correct lineal.toml or the LINEAL_* variable."
        ) from error
    except (SettingsError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        end = "" if str(error).endswith("?") else "."
        raise CommandFailed(
            f"the settings cannot be read: {error}{end} "
            "Correct lineal.toml or the LINEAL_* variable."
        ) from error


def inbox_settings(inboxes: list[Path] | None) -> dict[str, Any]:
    """The settings that ``--inbox`` stands for: these folders and no others are watched."""
    if not inboxes:
        return {}
    first, *others = inboxes
    return {"inbox": first, "inboxes": [{"path": path} for path in others]}


def with_broker(settings: Settings, url: str | None) -> Settings:
    """The settings with another MQTT broker, if one is given."""
    if url is None:
        return settings
    from lineal_producers.mqtt.settings import MqttSettings

    mqtt = settings.section(MqttSettings)
    return settings.with_section(mqtt.model_copy(update={"url": url}))


def pairs(given: list[str] | None, option: str, *, at_last: bool = False) -> dict[str, str]:
    """``K=V`` options as a mapping.

    Args:
        at_last: the last ``=`` divides them: a key may have one itself.

    Raises:
        typer.BadParameter: one has no ``=``, or nothing before it.
    """
    found = {}
    for item in given or ():
        key, equals, value = item.rpartition("=") if at_last else item.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{item!r} is not KEY=VALUE", param_hint=option)
        found[key] = value
    return found


@contextlib.contextmanager
def errors_reported(as_json: bool = False) -> Iterator[None]:
    """Turn every expected error into one line on stderr and an exit code.

    Args:
        as_json: the line is an object with the message as its ``error``.

    Expected are our own errors (their messages say what to do) and those of the operating system.
    Anything else is a fault of ours and keeps its traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        _forget_stdout()
        raise typer.Exit(PIPE_CLOSED) from None
    except _UsageError as error:
        if not as_json:
            raise  # it is shown with the command's usage
        _report(error.format_message(), as_json)
        raise typer.Exit(USED_WRONGLY) from error
    except LinealError as error:
        _report(str(error) or type(error).__name__, as_json)
        raise typer.Exit(FAILED) from error
    except OSError as error:
        _report(_of_the_machine(error), as_json)
        raise typer.Exit(FAILED) from error


def _of_the_machine(error: OSError) -> str:
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return f"{where}{error.strerror or error}"


def _report(message: str, as_json: bool) -> None:
    line = " ".join(message.split())
    shown = json.dumps({"error": line}, ensure_ascii=False) if as_json else f"lineal: {line}"
    with contextlib.suppress(BrokenPipeError):
        typer.echo(shown, err=True)


def _forget_stdout() -> None:
    """Let the interpreter's last flush go nowhere instead of failing aloud."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
