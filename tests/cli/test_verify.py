"""verify, log, and what rebuild and doctor make of a ledger that somebody edited."""

from __future__ import annotations

import sqlite3
import subprocess
import zlib
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from lineal.proof.checkpoint import open_checkpoint
from lineal.proof.log_tables import record_leaf
from lineal.proof.note import parse_verifier_key
from lineal.proof.policy import parse_policy
from lineal.proof.tiles import Tile, TiledTree, tiles_of, unpack_bundle
from tests.cli.conftest import Answer, Lineal, id_of
from tests.cli.processes import running
from tests.proof.ledgers import make_ledger
from tests.proof.verifying import tampering
from tests.services.missing import skipped_when_unavailable
from tests.toolchains import go_program


def edit(data: Path, sql: str = "UPDATE ledger SET digest = zeroblob(32) WHERE seq = 2") -> None:
    with tampering(data) as connection:
        connection.execute(sql)


def test_a_ledger_that_a_daemon_made_verifies(lineal: Lineal, data: Path) -> None:
    answer = lineal("verify", "--data", data)
    assert answer.code == 0, answer.text
    assert "records: all as they were signed\n" in answer.text
    assert answer.text.endswith("search index and events: all as the records say\n")
    found = lineal("verify", "--data", data, "--json").json
    assert found["verified"] and found["first"] is None and found["checks"][0] == "log"
    assert found["records"] == found["signed"] == found["holds"] >= 4
    states = {check["name"]: check["state"] for check in
              lineal("doctor", "--data", data, "--json", "--port", "0").json}  # fmt: skip
    assert states["log"] == "fine"


def test_one_document_alone(lineal: Lineal, data: Path) -> None:
    found = lineal("verify", "letter.txt", "--data", data, "--json")
    assert found.code == 0 and found.json["records"] >= 2
    assert lineal("verify", id_of("letter.txt")[:8], "--data", data).code == 0
    subject = f"document:{id_of('letter.txt')}"
    assert lineal("verify", subject, "--data", data, "--json").json == found.json
    assert lineal("verify", "nobody.txt", "--data", data).code == 1
    edit(data, "UPDATE ledger SET record = (SELECT record FROM ledger WHERE seq = 1)")
    assert lineal("verify", "letter.txt", "--data", data).code == 1


def test_an_edited_ledger_is_found_and_not_made_the_truth(lineal: Lineal, data: Path) -> None:
    edit(data)
    answer = lineal("verify", "--data", data)
    assert answer.code == 1
    assert answer.text.startswith("WRONG: record 2 is not what its digest says\n")
    assert lineal("verify", "--data", data, "--json").json["first"]["record"] == 2
    refused = lineal("rebuild", "--data", data)
    assert refused.code == 1
    assert "the ledger does not verify: record 2" in refused.err
    assert "--unverified" in refused.err
    assert lineal("rebuild", "--data", data, "--unverified").code == 0


def test_an_edited_record_is_not_shown_as_true(lineal: Lineal, data: Path) -> None:
    other = id_of("note.txt")
    with tampering(data) as connection:
        for seq, record in connection.execute("SELECT seq, record FROM ledger").fetchall():
            forged = zlib.decompress(record).replace(b'"stage":"reg', b'"stage":"peg')
            connection.execute(
                "UPDATE ledger SET digest = ?, record = ? WHERE seq = ?",
                (sha256(forged).digest(), zlib.compress(forged), seq),
            )
    for asked in ("lineage", "show"):
        answer = lineal(asked, other, "--data", data)
        assert answer.code == 1 and answer.text == ""
        assert "is not the one that was logged" in answer.err


def test_a_cut_off_ledger_is_broken_for_the_doctor(lineal: Lineal, data: Path) -> None:
    edit(data, "DELETE FROM ledger WHERE seq > 3")
    answer = lineal("doctor", "--data", data, "--json", "--port", "0")
    assert answer.code == 1
    (check,) = [check for check in answer.json if check["name"] == "log"]
    assert check["state"] == "broken"
    assert "the ledger ends at record 3" in check["found"]
    assert "lineal verify" in check["remedy"]


def test_what_was_kept_elsewhere(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes((data / "checkpoints" / "checkpoint").read_bytes())
    assert lineal("emit", "a.b", "--data", data, stdin=b'{"x": 1}\n').code == 0
    assert lineal("log", "checkpoint", "--data", data).code == 0
    for option in ("--since", "--checkpoint"):
        assert lineal("verify", "--data", data, option, kept).code == 0
    key = lineal("log", "key", "--data", data).text.strip()
    policy = tmp_path / "policy"
    policy.write_text(f"log {key}\nquorum none\n")
    assert parse_policy(policy.read_bytes()).logs[0].key == parse_verifier_key(key)
    assert lineal("verify", "--data", data, "--key", key).code == 0
    assert lineal("verify", "--data", data, "--policy", policy).code == 0
    other = key.replace(key[:4], "four", 1)
    assert lineal("verify", "--data", data, "--key", other).code == 1
    (data / "log.key").unlink()
    answer = lineal("verify", "--data", data)
    assert answer.code == 1 and "--key" in answer.err


def test_the_newest_checkpoint_and_the_key_are_printed(lineal: Lineal, data: Path) -> None:
    key = lineal("log", "key", "--data", data).text.strip()
    note = lineal("log", "checkpoint", "--data", data)
    opened = open_checkpoint(note.out, [parse_verifier_key(key)])
    said = lineal("log", "checkpoint", "--data", data, "--json").json
    assert said["size"] == opened.checkpoint.size
    assert said["root"] == opened.checkpoint.root.hex()
    assert lineal("log", "key", "--data", data, "--json").json["keys"] == [key]


def test_who_trusts_the_old_key_can_follow_to_the_new_one(lineal: Lineal, data: Path) -> None:
    old = lineal("log", "key", "--data", data).text.strip()
    for _ in range(2):
        assert lineal("log", "rotate", "--yes", "--data", data).code == 0
    new = lineal("log", "key", "--data", data).text.strip()
    assert new != old
    assert (data / "log.key").read_bytes().count(b"BEGIN PRIVATE KEY") == 1
    for key in (old, new):
        assert lineal("verify", "--data", data, "--key", key).code == 0
    assert lineal("verify", "--data", data).code == 0
    steps = lineal("lineage", f"log:{new.partition('+')[0]}", "--data", data, "--json").json
    assert [step["kind"] for step in steps] == ["rotate", "rotate"]
    assert steps[0]["actor"].startswith("user:")


def test_a_rotation_that_only_the_database_knows_is_not_believed(
    lineal: Lineal, data: Path
) -> None:
    """Somebody with a key of his own, who can write the database, signs nothing for others."""
    old = lineal("log", "key", "--data", data).text.strip()
    lineal("log", "rotate", "--yes", "--data", data)
    new = lineal("log", "key", "--data", data).text.strip()
    # What both keys signed is away: the old key has never signed the record.
    newest = data / "checkpoints" / "checkpoint"
    opened = open_checkpoint(newest.read_bytes(), [parse_verifier_key(new)])
    for file in newest.parent.glob(f"{opened.checkpoint.size:019}-*"):
        file.unlink()
    by_new = [item for item in opened.note.signatures if item.made_by(opened.signed_by[0])]
    alone = str(opened.note._replace(signatures=tuple(by_new)))
    newest.write_text(alone)
    with tampering(data) as connection:
        connection.execute("UPDATE ledger_log SET checkpoint = ?", (alone,))
    assert lineal("verify", "--data", data, "--key", old).code == 1
    assert lineal("verify", "--data", data, "--key", new).code == 0


def fetch(url: str, tile: Tile) -> bytes:
    with urlopen(f"{url}/{tile.path}") as answer:
        return bytes(answer.read())


def test_a_stranger_reads_the_log_over_http(lineal: Lineal, data: Path) -> None:
    key = parse_verifier_key(lineal("log", "key", "--data", data).text.strip())
    with running(data.parent, "log", "serve", "--data", str(data), "--port", "0") as log:
        url = log.line(lambda line: "url" in line)["url"]
        with urlopen(f"{url}/checkpoint") as answer:
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            opened = open_checkpoint(answer.read(), [key])
        size = opened.checkpoint.size
        edge = {(tile.level, tile.number): tile for tile in tiles_of(size)}

        def source(level: int, number: int) -> bytes:
            return fetch(url, edge.get((level, number), Tile(level, number)))

        tree = TiledTree(source)
        assert tree.root(size) == opened.checkpoint.root
        entries = unpack_bundle(fetch(url, Tile(None, 0, size)))
        assert [record_leaf(entry) for entry in entries] == [tree.leaf(n) for n in range(size)]
        for path in ("tile/0/001", f"tile/0/000.p/{size + 1}", "tile/0/0", "tile/entries/999"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"{url}/{path}")
        edit(data)
        with pytest.raises(HTTPError, match="500"):
            fetch(url, Tile(None, 0, size))
        assert fetch(url, Tile(0, 0, 2)) == fetch(url, Tile(0, 0, size))[:64]


@pytest.mark.long
def test_tesseras_own_check_reads_the_log(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    with skipped_when_unavailable():
        fsck = go_program("github.com/transparency-dev/tessera/cmd/fsck", "v1.0.4", "fsck")
    make_ledger(tmp_path / "large", [700])
    key = tmp_path / "key"
    key.write_text(lineal("log", "key", "--data", tmp_path / "large").text)
    serving = ("log", "serve", "--data", str(tmp_path / "large"), "--port", "0")
    with running(tmp_path, *serving) as log:
        url = log.line(lambda line: "url" in line)["url"]
        command = [str(fsck), f"--storage_url={url}/", f"--public_key={key}", "--ui=false"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Successfully fsck'd log with size 700" in done.stderr, done.stderr
        edit(tmp_path / "large", "UPDATE ledger_tiles SET hashes = zeroblob(8192) WHERE id = 1")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Successfully" not in done.stderr  # it ends with 0 all the same


def test_commands_sign_what_they_do_where_no_daemon_runs(lineal: Lineal, data: Path) -> None:
    before = lineal("verify", "--data", data, "--json").json
    assert lineal("dead", "redrive", "--all", "--data", data).code == 0
    after = lineal("verify", "--data", data, "--json").json
    assert after["verified"]
    assert after["signed"] == after["records"] > before["records"]


def test_a_ledger_without_a_log_gets_one(lineal: Lineal, data: Path) -> None:
    """As one that an earlier version wrote."""
    (data / "log.key").unlink()
    for file in (data / "checkpoints").iterdir():
        file.unlink()
    (data / "checkpoints").rmdir()
    edit(data, "DELETE FROM ledger_log")
    edit(data, "DELETE FROM ledger_tiles")
    assert lineal("verify", "--data", data).code == 1
    assert lineal("log", "checkpoint", "--data", data).code == 0
    assert lineal("verify", "--data", data).code == 0


def test_it_can_be_switched_off(lineal: Lineal, data: Path) -> None:
    off = partial(lineal, LINEAL_LOG__ENABLED="false")
    assert off("dead", "redrive", "--all", "--data", data).code == 0
    with sqlite3.connect(data / "lineal.db") as connection:
        (size,) = connection.execute("SELECT size FROM ledger_log").fetchone()
        (records,) = connection.execute("SELECT max(seq) FROM ledger").fetchone()
    assert size < records
    assert off("rebuild", "--data", data).code == 0


def test_a_process_that_only_signs(lineal: Lineal, data: Path) -> None:
    off = partial(lineal, LINEAL_LOG__ENABLED="false")
    assert off("dead", "redrive", "--all", "--data", data).code == 0
    assert lineal("verify", "--data", data).code == 1
    with running(data.parent, "log", "follow", "--data", str(data)) as signing:
        signing.line(lambda line: "ready" in line)
        assert signing.stop() == 0
    assert lineal("verify", "--data", data).code == 0


def _failed(answer: Answer) -> set[str]:
    """The checks that found something. What follows from the ledger was left as it was."""
    return {finding["check"] for finding in answer.json["findings"]}


def test_another_log_after_a_ledger_was_restored_from_an_older_copy(
    lineal: Lineal, data: Path
) -> None:
    old = lineal("log", "key", "--data", data).text.strip()
    edit(data, "DELETE FROM ledger WHERE seq > 3")
    assert lineal("verify", "--data", data).code == 1
    assert lineal("log", "checkpoint", "--data", data).code == 1
    begun = lineal("log", "begin", "--reason", "restored", "--yes", "--data", data)
    assert begun.code == 0, begun.err
    assert "log" not in _failed(lineal("verify", "--data", data, "--json"))
    new = lineal("log", "key", "--data", data).text.strip()
    assert new.partition("+")[0] != old.partition("+")[0]
    assert "log" in _failed(lineal("verify", "--data", data, "--key", old, "--json"))
    (aside,) = data.glob("checkpoints.*")
    assert (aside / "checkpoint").is_file() and (data / f"log.key{aside.suffix}").is_file()
    (step,) = lineal("lineage", f"log:{new.partition('+')[0]}", "--data", data, "--json").json
    assert step["reason"] == "restored"
    assert old.partition("+")[0] in str(step)


def test_another_log_over_what_was_salvaged_with_holes(lineal: Lineal, data: Path) -> None:
    edit(data, "DELETE FROM ledger WHERE seq IN (2, 4)")
    begun = lineal("log", "begin", "--reason", "a disk died", "--yes", "--data", data)
    assert begun.code == 0, begun.err
    assert {"log", "index"}.isdisjoint(_failed(lineal("verify", "--data", data, "--json")))
    origin = lineal("log", "key", "--data", data).text.partition("+")[0]
    steps = lineal("lineage", f"log:{origin}", "--data", data, "--json").json
    lost = [step["attributes"]["record"] for step in steps if step["kind"] == "lost"]
    assert lost == [2, 4]
    lineal("rebuild", "--unverified", "--data", data)
    assert lineal("verify", "--only", "log", "--data", data).code == 0
