"""The page on clicks is run as it stands."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from lineal_consumers.clicks.config import ClicksConfig, ClicksModel
from tests.lineal_process import run_lineal

PAGE = (Path(__file__).parents[2] / "docs" / "clicks.md").read_text()


@pytest.mark.long
def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) == 4
    printed = []
    for command in commands:
        done = run_lineal(
            shlex.split(command)[1:],
            cwd=tmp_path,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        printed.append(done.stdout)
    assert "['invalid', 'withdrawn']" in printed[0]
    assert printed[1].count("click.invalid") >= 3


def test_the_settings_of_the_page_are_settings_with_their_defaults() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    stages = tomllib.loads(block)["stages"]
    assert ClicksConfig.model_validate(stages["clicks"]) == ClicksConfig()
    model = ClicksModel.model_validate(stages["retrain"]["models"]["clicks"])
    assert model == ClicksModel()
