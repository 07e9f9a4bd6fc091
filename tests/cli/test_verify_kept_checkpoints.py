"""A ledger that was put back as a whole is named by what it cannot put back: checkpoints on the
topic, in another folder, with a witness."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cli.conftest import Lineal
from tests.cli.processes import running
from tests.proof.verifying import tampering


def copied(data: Path, target: Path) -> Path:
    return Path(shutil.copytree(data, target, ignore=shutil.ignore_patterns("run")))


def put_back(data: Path, older: Path, *, topic: bool) -> None:
    """Ledger, log and checkpoints as they were, and of the topic too."""
    with tampering(data) as connection:
        connection.execute("ATTACH ? AS older", (str(older / "lineal.db"),))
        tables = ["ledger", "ledger_tiles", "ledger_log", "ledger_index", "builds"]
        for table in [*tables, *(["events"] if topic else [])]:
            connection.execute(f"DELETE FROM main.{table}")
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM older.{table}")
    shutil.rmtree(data / "checkpoints")
    shutil.copytree(older / "checkpoints", data / "checkpoints")


def go_on(lineal: Lineal, data: Path) -> None:
    assert lineal("user", "add", "ann", "reader", "--no-password", "--data", data).code == 0
    with running(data.parent, "run", "index", "--data", str(data)) as daemon:
        daemon.line(lambda line: "ready" in line)
        daemon.stop()
    assert lineal("verify", "--data", data).code == 0


def test_by_the_topic_and_by_another_folder(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    older = copied(data, tmp_path / "older")
    go_on(lineal, data)
    newer = copied(data, tmp_path / "newer")
    put_back(data, older, topic=False)
    found = lineal("verify", "--data", data, "--json")
    assert found.code == 1
    assert "were signed" in found.json["first"]["what"], found.text
    put_back(data, older, topic=True)
    assert lineal("verify", "--only", "log", "--data", data).code == 0, "nothing here knows better"
    for kept in (newer, newer / "checkpoints", newer / "checkpoints" / "checkpoint"):
        named = lineal("verify", "--only", "log", "--data", data, "--checkpoint", kept)
        assert named.code == 1 and "were signed" in named.text
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = lineal("verify", "--data", data, "--checkpoint", empty)
    assert refused.code == 1 and "holds no checkpoints" in refused.err


def test_by_a_witness(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    older = copied(data, tmp_path / "older")
    go_on(lineal, data)
    key = lineal("log", "key", "--data", data).text.strip()
    own = lineal("witness", "key", "--dir", tmp_path / "w", "--name", "w.example").text.strip()
    policy = tmp_path / "policy"
    serving = ("witness", "serve", "--log", key, "--dir", str(tmp_path / "w"), "--port", "0")
    with running(tmp_path, *serving) as witness:
        url = witness.line(lambda line: "url" in line)["url"]
        policy.write_text(f"log {key}\nwitness W {own} {url}\nquorum none\n")
        assert lineal("log", "checkpoint", "--data", data, LINEAL_LOG__POLICY=str(policy)).code == 0
        put_back(data, older, topic=True)
        log = ("verify", "--only", "log", "--data", data)
        assert lineal(*log).code == 0
        for option in (("--policy", policy), ("--checkpoint", url)):
            named = lineal(*log, *option)
            assert named.code == 1 and "were signed" in named.text
        assert lineal(*log, "--policy", policy, "--offline").code == 0
    silent = lineal(*log, "--policy", policy, "--json")
    assert silent.code == 0 and silent.json["silent_witnesses"] == "W"
    assert "witnesses that do not answer: W" in lineal(*log, "--policy", policy).text
