"""The commands of docs/scale.md run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from lineal_cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()


def test_the_commands_run() -> None:
    commands = re.findall(r"^lineal (.*)$", PAGE, re.MULTILINE)
    assert commands
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command))
        assert done.exit_code == 0, done.output
        assert "brokers" in done.output


def test_every_option_it_names_there_is() -> None:
    shown = CliRunner().invoke(app, ["size", "--help"], env={"COLUMNS": "200"}).output
    options = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert options
    assert [option for option in options if option not in shown] == []
