"""One log over several: what is done to any of them is named by the checkpoints it recorded."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lineal.proof.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from lineal.proof.covering import (
    cover_records,
    covered_checkpoints,
    covered_logs,
    record_covered,
)
from lineal.proof.keys import make_keys
from lineal.proof.note import ED25519
from lineal.runtime import open_runtime
from lineal.settings import Settings
from tests.cli.conftest import Lineal, id_of
from tests.cli.processes import environment, running
from tests.cli.test_prove import Stranger, go_program, key_of, python, rewritten, stranger
from tests.cli.test_verify_kept_checkpoints import copied, put_back
from tests.proof.verifying import tampering

__all__ = ["go_program", "stranger"]

_KILLED_BEFORE_SIGNING = """
import os, signal, sys
from lineal_cli import log_cover
from lineal_cli.main import main

async def killed(runtime):
    os.kill(os.getpid(), signal.SIGKILL)

log_cover._sign = killed
sys.exit(main())
"""


def user(lineal: Lineal, data: Path, name: str) -> None:
    assert lineal("user", "add", name, "reader", "--no-password", "--data", data).code == 0


def covers(lineal: Lineal, top: Path, *more: object) -> list[str]:
    """What one look has recorded: the names of the logs."""
    answer = lineal("log", "cover", *more, "--once", "--data", top)
    assert answer.code == 0, answer.err
    return [line.split()[1] for line in answer.text.splitlines()]


@pytest.fixture
def other(lineal: Lineal, tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    user(lineal, folder, "bob")
    return folder


@pytest.fixture
def top(lineal: Lineal, data: Path, other: Path, tmp_path: Path) -> Path:
    """Covers ``data`` and ``other``."""
    folder = tmp_path / "top"
    origins = [key_of(lineal, item).partition("+")[0] for item in (data, other)]
    assert covers(lineal, folder, data, other) == origins
    return folder


def test_only_what_is_new_is_recorded(lineal: Lineal, top: Path, other: Path) -> None:
    assert covers(lineal, top) == []
    user(lineal, other, "cem")
    assert covers(lineal, top) == [key_of(lineal, other).partition("+")[0]]
    verified = lineal("verify", "--data", top, "--json")
    assert verified.code == 0, verified.text
    assert verified.json["covered"] == 2


def test_a_change_in_any_of_them_is_named(
    lineal: Lineal, top: Path, data: Path, other: Path
) -> None:
    origin = key_of(lineal, data).partition("+")[0]
    with tampering(data) as connection:
        connection.execute("UPDATE registry SET name = 'forged.txt' WHERE name = 'note.txt'")
    shutil.rmtree(other)
    found = lineal("verify", "--data", top, "--json").json["findings"]
    whats = sorted((item["what"] for item in found), key=lambda what: not what.startswith(origin))
    assert whats[0].startswith(f"{origin}: registry: the row of"), whats
    assert whats[-1].endswith("any more, where the log was"), whats


def test_one_that_was_put_back_as_a_whole_is_named_and_not_covered_again(
    lineal: Lineal, top: Path, other: Path, tmp_path: Path
) -> None:
    older = copied(other, tmp_path / "older")
    user(lineal, other, "cem")
    covers(lineal, top)
    put_back(other, older, topic=True)
    with tampering(other) as connection:
        connection.execute("DELETE FROM users WHERE name = 'cem'")
    assert lineal("verify", "--data", other).code == 0, "nothing there knows better"
    assert "were signed" in lineal("verify", "--data", top).text
    assert "were signed" in lineal("verify", "--data", other, "--checkpoint", top).text
    refused = lineal("log", "cover", "--once", "--data", top)
    assert refused.code == 1 and "2 were seen before" in refused.err, refused.err
    user(lineal, other, "dea")
    forked = lineal("log", "cover", "--once", "--data", top)
    assert forked.code == 1 and "does not begin with the 2 seen before" in forked.err
    assert lineal("verify", "--data", top, "--only", "log").code == 0


def test_two_of_one_name_are_not_covered_both(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    """They share their beginning and the key, and part after it: one of them is a lie."""
    fork, top = copied(data, tmp_path / "fork"), tmp_path / "top"
    user(lineal, data, "cem")
    user(lineal, fork, "dea")
    origin = key_of(lineal, data).partition("+")[0]
    refused = lineal("log", "cover", data, fork, "--once", "--data", top)
    assert refused.text.split()[1] == origin
    assert refused.code == 1 and f"{fork}: {origin} is in {data} as well" in refused.err
    assert "two roots of one size" in lineal("log", "cover", fork, "--once", "--data", top).err


async def test_all_checkpoints_that_one_record_has_are_given_out(tmp_path: Path) -> None:
    """Two commands that looked at once may have recorded two trees of one log together."""
    (signer,) = make_keys(tmp_path / "log.key", "log.example/a", ED25519).signers
    opened = []
    for number in (1, 2):
        note = sign_checkpoint(Checkpoint(signer.verifier.name, 1, bytes([number]) * 32), [signer])
        opened.append(open_checkpoint(str(note).encode(), [signer.verifier]))
    async with open_runtime(Settings(data=tmp_path / "top", durability="normal")) as runtime:
        both = [record for each in opened for record in cover_records("a folder", each, ())]
        await record_covered(runtime, both)
        given = await runtime.store.read(
            lambda connection: list(covered_checkpoints(connection, signer.verifier.name, 9))
        )
        newest = await runtime.store.read(covered_logs)
    assert given == [str(each.note).encode() for each in reversed(opened)]
    assert [item.checkpoint for item in newest] == [opened[1].checkpoint]


def test_a_key_that_was_not_named_is_not_believed(lineal: Lineal, top: Path, other: Path) -> None:
    assert lineal("log", "rotate", "--yes", "--data", other).code == 0
    user(lineal, other, "cem")
    refused = lineal("log", "cover", "--once", "--data", top)
    assert refused.code == 1 and "not signed by a known key" in refused.err
    origin = key_of(lineal, other).partition("+")[0]
    assert covers(lineal, top, "--log", key_of(lineal, other), other) == [origin]
    assert lineal("verify", "--data", top, "--only", "covered").code == 0
    assert lineal("log", "cover", "--once", top, "--data", top).code == 1
    missing = lineal("log", "cover", "--once", top.parent / "nothing", "--data", top)
    assert missing.code == 1 and "there is no data" in missing.err


def test_one_that_has_moved_is_found_where_it_is(lineal: Lineal, top: Path, other: Path) -> None:
    moved = other.rename(other.with_name("moved"))
    assert len(covers(lineal, top, moved)) == 1
    assert lineal("verify", "--data", top, "--only", "covered").code == 0
    assert lineal("log", "rotate", "--yes", "--data", moved).code == 0
    user(lineal, moved, "cem")
    elsewhere = moved.rename(moved.with_name("elsewhere"))
    refused = lineal("log", "cover", elsewhere, "--once", "--data", top)
    assert refused.code == 1 and "not signed by a known key" in refused.err


def test_a_log_that_is_served_is_covered_by_its_address(
    lineal: Lineal, other: Path, tmp_path: Path
) -> None:
    top = tmp_path / "top"
    with running(tmp_path, "log", "serve", "--port", "0", "--data", str(other)) as served:
        url = served.line(lambda line: "url" in line)["url"]
        refused = lineal("log", "cover", url, "--once", "--data", top)
        assert refused.code == 1 and "--log" in refused.err
        for name in ("cem", "dea"):
            assert len(covers(lineal, top, url, "--log", key_of(lineal, other))) == 1
            user(lineal, other, name)
        assert lineal("verify", "--data", top, "--json").json["covered"] == 1
        with tampering(other) as connection:
            connection.execute("UPDATE ledger_tiles SET hashes = zeroblob(length(hashes))")
        assert "is not the one that was recorded" in lineal("verify", "--data", top).text
    assert "cannot be read" in lineal("verify", "--data", top).text
    offline = lineal("verify", "--offline", "--data", top)
    assert offline.code == 0 and "left out" in offline.text


def test_a_stranger_needs_the_key_of_the_upper_log_alone(
    lineal: Lineal, top: Path, data: Path, tmp_path: Path, stranger: Stranger
) -> None:
    bundle = tmp_path / "letter.zip"
    asked = ("prove", "letter.txt", "-o", bundle, "--covered-by", top, "--data", data)
    assert lineal(*asked).code == 0
    origin = key_of(lineal, data).partition("+")[0]
    for key in (key_of(lineal, top), key_of(lineal, data)):
        done = stranger(bundle, key)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(f" records are in the log of {origin}\n")

    def of_no_cover(name: str, content: bytes) -> bytes:
        if name.startswith("cover/") and name.endswith(".json"):
            return content.replace(b"checkpoint", b"checkpaint")
        return content

    def other_size(name: str, content: bytes) -> bytes:
        if name.startswith("records/") and name.endswith(".tlog-proof"):
            return content.replace(f"\n{origin}\n".encode(), f"\n{origin}x\n".encode())
        return content

    for change in (of_no_cover, other_size):
        assert stranger(rewritten(bundle, change), key_of(lineal, top)).returncode != 0


def test_one_witness_vouches_for_all(lineal: Lineal, top: Path, data: Path, tmp_path: Path) -> None:
    key = key_of(lineal, top)
    own = lineal("witness", "key", "--dir", tmp_path / "w", "--name", "w.example").text.strip()
    serving = ("witness", "serve", "--log", key, "--dir", str(tmp_path / "w"), "--port", "0")
    with running(tmp_path, *serving) as witness:
        url = witness.line(lambda line: "url" in line)["url"]
        policy = tmp_path / "policy"
        policy.write_text(f"log {key}\nwitness W {own} {url}\nquorum W\n")
        looked = lineal("log", "cover", "--once", "--data", top, LINEAL_LOG__POLICY=str(policy))
        assert looked.code == 0, looked.err
    bundle = tmp_path / "letter.zip"
    lineal("prove", id_of("letter.txt"), "-o", bundle, "--covered-by", top, "--data", data)
    assert python(bundle, key, "--witness", own, "--quorum", "1").returncode == 0
    assert "fewer than 2" in python(bundle, key, "--witness", own, "--quorum", "2").stderr
    # What no witness has signed yet is proven by the newest checkpoint.
    user(lineal, data, "cem")
    covers(lineal, top)
    asked = ("prove", "user:cem", "-o", bundle, "--covered-by", top, "--data", data)
    assert lineal(*asked).code == 0
    assert python(bundle, key).returncode == 0


def test_killed_between_recording_and_signing(
    lineal: Lineal, data: Path, other: Path, tmp_path: Path
) -> None:
    top = tmp_path / "top"
    asked = ("log", "cover", str(data), str(other), "--once", "--data", str(top))
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED_BEFORE_SIGNING, *asked],
        env=environment() | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert covers(lineal, top) == [], "they are recorded, and not once more"
    verified = lineal("verify", "--data", top, "--json")
    assert verified.code == 0 and verified.json["covered"] == 2


def test_it_goes_on_until_it_is_stopped(
    lineal: Lineal, top: Path, other: Path, tmp_path: Path
) -> None:
    looking = ("log", "cover", "--seconds", "0.1", "--data", str(top))
    with running(tmp_path, *looking) as process:
        for size, name in ((2, "cem"), (3, "dea")):
            user(lineal, other, name)
            assert process.line(lambda line: "size" in line)["size"] == size
        assert process.stop() == 0
    assert lineal("verify", "--data", top, "--only", "log").code == 0
