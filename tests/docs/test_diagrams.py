"""The page on diagrams is run as it stands."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

from lineal_consumers.diagrams.config import DiagramsConfig
from lineal_consumers.diagrams.vocabulary import services_in
from lineal_producers.crawl.settings import CrawlSettings
from tests.lineal_process import run_lineal

PAGE = (Path(__file__).parents[2] / "docs" / "diagrams.md").read_text()
TABLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    printed = []
    for command in block.splitlines():
        done = run_lineal(
            shlex.split(command)[1:],
            cwd=tmp_path,
            text=True,
            timeout=150,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        printed.append(done.stdout)
    assert "shows Redis" in printed[0]
    assert "diagrams left: 1" in printed[0]
    assert "orders.png" in printed[1]
    (found,) = json.loads(printed[2])
    assert {"AWS Lambda", "Amazon DynamoDB"} <= {label["service"] for label in found["labels"]}


def test_its_settings_are_settings() -> None:
    crawl, stage, services = TABLES
    assert CrawlSettings.model_validate(tomllib.loads(crawl)["crawl"]).sites
    assert DiagramsConfig.model_validate(tomllib.loads(stage)["stages"]["diagrams"])
    assert services_in(services.encode(), "services.toml")[0].name == "Billing"
