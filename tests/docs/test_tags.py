"""The page on tags is run as it stands: who a letter is from is recognised, corrected, learnt."""

from __future__ import annotations

import json
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import lineal
from tests.docs.running_page import DOCS, commands_of, site_of, until

PAGE = (DOCS / "tags.md").read_text()


def known(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lineal(folder, "show", name, "--json").stdout)
    return found


def finds(folder: Path, words: list[str]) -> bool:
    return ".txt" in lineal(folder, *words).stdout


@pytest.mark.long  # its commands are read in test_commands.py, its parts tried elsewhere
def test_the_page_works_as_it_stands(tmp_path: Path) -> None:
    with site_of(PAGE, tmp_path) as (folder, _):
        shown: dict[str, str] = {}
        for line in commands_of(PAGE):
            words = shlex.split(line, comments=True)[1:]
            if words[:2] == ["show", "water.txt"]:
                until(lambda: known(folder, "water.txt")["labels"])
            if words[:2] == ["show", "chandler-2.txt"]:
                until(lambda: known(folder, "chandler-2.txt")["labels"].get("correspondent"))
            if words[0] in ("documents", "search"):
                until(partial(finds, folder, words))
            done = lineal(folder, *words)
            assert done.returncode == 0, f"{line}: {done.stderr}"
            shown[line] = done.stdout
            if "correspondent=Harbour Chandlery Ltd" in words:
                until(lambda: "in use" in lineal(folder, "model", "list", "--json").stdout)
        said = "correspondent=Stadtwerke Exeter (place 0.60) date=2026-05-12 (place 0.70)"
        assert said in shown["lineal show water.txt"]
        assert said in PAGE

        first, second = known(folder, "chandler-1.txt"), known(folder, "chandler-2.txt")
        name = "Harbour Chandlery Ltd"
        assert second["labels"] == {"correspondent": name, "date": "2026-04-07"}
        source = second["label_sources"]["correspondent"]
        assert (source["source"], source["corrected_by"]) == ("learnt", None)
        assert source["examples"] == [first["document_id"]]
        lineage = lineal(folder, "lineage", "chandler-2.txt", "--json").stdout
        assert f"learnt {first['document_id']}" in lineage
        assert "chandler-2.txt" in shown[f'lineal documents --label correspondent="{name}"']

        # What a person said holds whatever is replayed; type is the class.
        assert first["labels"]["correspondent"] == name
        assert first["label_sources"]["correspondent"]["source"] == "person"
        assert first["label_sources"]["correspondent"]["corrected_by"]
        done = lineal(folder, "replay", "--stage", "nlp")
        assert done.returncode == 0, done.stderr
        until(lambda: known(folder, "water.txt")["labels"]["date"] == "2026-05-13")
        water = known(folder, "water.txt")
        assert water["labels"] == {"correspondent": "Stadtwerke Exeter", "date": "2026-05-13"}
        assert finds(folder, ["search", "meter", "--filter", "class=notice"])
        assert "water.txt" in shown["lineal search meter --filter tag=tax"]
        assert lineal(folder, "verify").returncode == 0
