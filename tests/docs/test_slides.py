"""The page on slides is run as it stands."""

from __future__ import annotations

import re
import shlex
import tomllib
import zipfile
from pathlib import Path

import pytest

from lineal_consumers.slides.config import SlidesConfig, SlidesModel
from tests.lineal_process import run_lineal

PAGE = (Path(__file__).parents[2] / "docs" / "slides.md").read_text()


@pytest.mark.long
def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    printed = []
    for command in [*block.splitlines(), "lineal slide list --data lineal-example-slides"]:
        done = run_lineal(
            shlex.split(command)[1:],
            cwd=tmp_path,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        printed.append(done.stdout)
    assert "3 of 3 planted lesions" in printed[0]
    assert "again" in printed[2] and "planted" in printed[2]
    assert "0/0/0.png" in zipfile.ZipFile(tmp_path / "heat-map.zip").namelist()
    assert "again" not in printed[-1] and "planted" in printed[-1]


def test_the_settings_of_the_page_are_settings_with_their_defaults() -> None:
    learning, settings = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    stages = tomllib.loads(settings)["stages"]
    assert SlidesConfig.model_validate(stages["slides"]) == SlidesConfig()
    assert set(stages["slides"]) == set(SlidesConfig.model_fields)
    stages = tomllib.loads(learning)["stages"]
    assert SlidesConfig.model_validate(stages["slides"]) == SlidesConfig()
    assert SlidesModel.model_validate(stages["retrain"]["models"]["slides"]) == SlidesModel()
