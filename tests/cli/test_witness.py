"""witness: processes of somebody else, which a daemon's log is held to."""

from __future__ import annotations

import time
from pathlib import Path

from tests.cli.conftest import Lineal
from tests.cli.processes import lineal as command
from tests.cli.processes import running
from tests.cli.test_prove import python
from tests.proof.verifying import tampering

_PATIENCE_SECONDS = 180


def key_of(lineal: Lineal, data: Path) -> str:
    return lineal("log", "key", "--data", data).text.strip()


def test_a_witness_cosigns_what_the_policy_then_asks_for(
    lineal: Lineal, data: Path, tmp_path: Path
) -> None:
    key = key_of(lineal, data)
    own = lineal("witness", "key", "--dir", tmp_path / "w", "--name", "w.example").text.strip()
    assert lineal("witness", "key", "--dir", tmp_path / "w", "--json").json["key"] == own
    assert (tmp_path / "w" / "witness.key").stat().st_mode & 0o777 == 0o600
    policy = tmp_path / "policy"
    serving = ("witness", "serve", "--log", key, "--dir", str(tmp_path / "w"), "--port", "0")
    with running(tmp_path, *serving) as witness:
        url = witness.line(lambda line: "url" in line)["url"]
        policy.write_text(f"log {key}\nwitness W {own} {url}\nquorum W\n")
        before = lineal("verify", "--data", data, "--policy", policy, "--json")
        assert before.code == 1
        assert "no checkpoint was signed by the witnesses" in before.json["findings"][0]["what"]
        signed = lineal("log", "checkpoint", "--data", data, LINEAL_LOG__POLICY=str(policy))
        assert "— w.example " in signed.text
    after = lineal("verify", "--data", data, "--policy", policy, "--json").json
    assert after["verified"] and after["witnessed"] == after["records"]
    bundle = tmp_path / "letter.zip"
    assert lineal("prove", "letter.txt", "-o", bundle, "--data", data).code == 0
    assert python(bundle, key, "--witness", own, "--quorum", "1").returncode == 0
    assert "fewer than 2" in python(bundle, key, "--witness", own, "--quorum", "2").stderr


def test_a_daemon_asks_its_witnesses(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    key = key_of(lineal, data)
    own = lineal("witness", "key", "--dir", tmp_path / "w").text.strip()
    serving = ("witness", "serve", "--log", key, "--dir", str(tmp_path / "w"), "--port", "0")
    with running(tmp_path, *serving) as witness:
        url = witness.line(lambda line: "url" in line)["url"]
        (tmp_path / "policy").write_text(f"log {key}\nwitness W {own} {url}\nquorum W\n")
        (tmp_path / "lineal.toml").write_text('[log]\npolicy = "policy"\nwitness_seconds = 0.2\n')
        with running(tmp_path, "run", "index", "--data", str(data)) as daemon:
            daemon.line(lambda line: "ready" in line)
            until = time.monotonic() + _PATIENCE_SECONDS
            while command(tmp_path, "verify", "--data", str(data)).returncode:
                assert time.monotonic() < until, command(tmp_path, "verify").stdout


def test_following_needs_no_way_in(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    key = key_of(lineal, data)
    with running(tmp_path, "log", "serve", "--data", str(data), "--port", "0") as log:
        url = log.line(lambda line: "url" in line)["url"]
        follow = ("witness", "follow", url, "--log", key, "--once", "--dir", tmp_path / "w")
        assert lineal(*follow, "--json").json["origin"] == key.partition("+")[0]
        assert lineal(*follow).out == b""
        with tampering(data) as connection:
            connection.execute("UPDATE ledger_log SET checkpoint = replace(checkpoint, 'a', 'b')")
        assert lineal(*follow).code == 1
    assert lineal(*follow).code == 1
