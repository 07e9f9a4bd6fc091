"""Commands on a data folder, run in this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from typer.testing import CliRunner

from lineal_cli.main import app
from tests.erasure.documents import WORDS


class Answer(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: bytes


def lineal(data: Path, *arguments: str) -> Answer:
    """Run a command in this process."""
    variables = {name: None for name in os.environ if name.startswith("LINEAL_")}
    answer = CliRunner().invoke(
        app, [*arguments, "--data", str(data)], env=variables | {"LINEAL_WORKERS": "1"},
        prog_name="lineal",
    )  # fmt: skip
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return Answer(answer.exit_code, answer.stdout_bytes, answer.stderr.encode())


def done(data: Path, *arguments: str) -> Any:
    answer = lineal(data, *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    return orjson.loads(answer.stdout)


def erase_owner(data: Path) -> Any:
    return done(data, "erase", "--owner", WORDS[2], "--reason", "asked for", "--yes")
