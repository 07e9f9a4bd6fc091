"""``lineal run``: chosen stages as a daemon."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

import orjson

from tests.cli.processes import lineal, running


def test_only_the_chosen_stages_run(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    with running(tmp_path, "run", "register", "--port", "0") as daemon:
        told = daemon.line(lambda line: "ready" in line)
        assert told["stages"] == ["register"]
        lineal(tmp_path, "put", "a.txt")
        with urlopen(f"{told['url']}/readyz") as answer:
            assert answer.status == 200
        documents: list[dict[str, object]] = []
        while not documents:
            documents = orjson.loads(lineal(tmp_path, "documents", "--json").stdout)
        assert documents[0]["status"] == "registered"
        assert daemon.stop() == 0


def test_an_unknown_stage_is_a_usage_error_that_lists_the_known(tmp_path: Path) -> None:
    ended = lineal(tmp_path, "run", "register", "nosuch")
    assert ended.returncode == 2
    assert "nosuch" in ended.stderr
    assert "register" in ended.stderr
    assert not (tmp_path / "data").exists()
