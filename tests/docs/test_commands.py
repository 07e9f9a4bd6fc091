"""Every command that a page shows is one that there is, with the options that it has.

Pages whose commands are run as they stand (``test_classes.py`` and others) show more; this reads
the commands of all of them in a moment, and runs none.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lineal_cli.main import commands as installed_commands
from lineal_cli.main import load_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BEFORE = {"|", "||", "&&", ";", "&", "$(", "(", "do", "then", "sudo", "exec", "time"}
_ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "<<", ">&", "(", ")"}


def shown_commands(page: str) -> Iterator[list[str]]:
    """The arguments of each ``lineal`` in a page's shell blocks."""
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        for words in _lines(block.replace("\\\n", " ")):
            for at, word in enumerate(words):
                if word == "lineal" and (
                    at == 0 or words[at - 1] in _BEFORE or "=" in words[at - 1]
                ):
                    rest = words[at + 1 :]
                    end = next((at for at, word in enumerate(rest) if word in _ENDS), len(rest))
                    yield rest[:end]


def _lines(block: str) -> Iterator[list[str]]:
    """The words of each line; of several together where a quotation goes on."""
    text = ""
    for line in block.splitlines():
        text += f"{line}\n"
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            continue
        yield words
        text = ""


def problem(arguments: Sequence[str]) -> str | None:
    """What is wrong with a command's name, its subcommands or its options; None: nothing is."""
    if not arguments or arguments[0].startswith("-"):
        return None
    if arguments[0] not in installed_commands():
        return f"there is no command {arguments[0]}"
    command: Any = load_command(arguments[0])
    rest = list(arguments[1:])
    parent = None
    while True:
        context = command.context_class(command, info_name=command.name, parent=parent)
        try:
            if not hasattr(command, "commands"):
                command.make_parser(context).parse_args(rest)
                return None
            if not rest or rest[0] == "--help":
                return None
            command.parse_args(context, rest)
            _, command, rest = command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
        except Exception as error:  # typer brings click's errors under names of its own
            return f"{type(error).__name__}: {error}"
        parent = context


def test_what_is_wrong_with_a_command_is_said() -> None:
    assert problem(["class", "teach", "payslip", "payslips/"]) is None
    assert problem(["put", "asked/", "--wait"]) is None
    assert "no command clas" in str(problem(["clas", "list"]))
    assert "--wiat" in str(problem(["put", "asked/", "--wiat"]))
    assert "teech" in str(problem(["class", "teech", "payslip"]))


def test_every_command_of_a_page_is_there_with_its_options() -> None:
    found = [
        f"{page.relative_to(ROOT)}: lineal {shlex.join(arguments)}: {wrong}"
        for page in PAGES
        for arguments in shown_commands(page.read_text())
        if (wrong := problem(arguments)) is not None
    ]
    assert not found, "\n" + "\n".join(found)
