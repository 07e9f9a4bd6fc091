"""The page on operating lists the settings there are, with their defaults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lineal.settings import Settings, all_settings
from lineal.stages.discovery import installed_stages

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]+?) \|", PAGE, re.MULTILINE))


def defaults(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from defaults(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.default


def test_every_setting_is_listed_with_its_default() -> None:
    expected = {
        name: "none"
        if default is None
        else f"`{default:g}`"
        if isinstance(default, float)
        else f"`{default}`"
        for name, default in defaults(all_settings())
        if name not in ("stages", "producers")
    }
    assert expected | {"workers": "number of cores"} == ROWS


def test_the_example_is_a_valid_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "lineal.toml").write_text(example)
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.workers == tomllib.loads(example)["workers"]
    stages = installed_stages()
    for name, config in settings.stages.items():
        stages[name].config.model_validate(config)
