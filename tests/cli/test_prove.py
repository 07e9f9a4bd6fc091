"""Bundles of `lineal prove`, checked by programs that have nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import orjson
import pytest

from lineal.lineage.canonical import parse_record
from lineal.proof.inclusion import parse_inclusion_proof
from lineal.proof.log_tables import record_leaf
from lineal.proof.note import parse_verifier_key
from tests.cli.conftest import FILES, Lineal, id_of
from tests.proof.verifying import tampering
from tests.services.missing import skipped_when_unavailable
from tests.toolchains import go_source

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

Stranger = Callable[[Path, str], subprocess.CompletedProcess[str]]


def python(bundle: Path, key: str, *more: str) -> subprocess.CompletedProcess[str]:
    """The example, in an interpreter that has none of our packages."""
    blocked = (
        "import sys; sys.modules.update(dict.fromkeys(['lineal', 'lineal_schemas', 'orjson']))"
    )
    program = f"{blocked}; import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    script = str(EXAMPLES / "verify_bundle.py")
    start = f"import sys; sys.argv = {[script, str(bundle), '--key', key, *more]!r}; {program}"
    return subprocess.run(
        [sys.executable, "-c", start], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip


@pytest.fixture(scope="session")
def go_program() -> Path:
    with skipped_when_unavailable():
        return go_source(EXAMPLES / "verify_bundle_go")


@pytest.fixture(params=["python", "go"])
def stranger(request: pytest.FixtureRequest) -> Stranger:
    if request.param == "python":
        return python
    program = request.getfixturevalue("go_program")

    def go(bundle: Path, key: str) -> subprocess.CompletedProcess[str]:
        command = [str(program), key, str(bundle)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return go


def key_of(lineal: Lineal, data: Path) -> str:
    return lineal("log", "key", "--data", data).text.strip()


def test_a_stranger_checks_what_happened_to_a_document(
    lineal: Lineal, data: Path, tmp_path: Path, stranger: Stranger
) -> None:
    bundle = tmp_path / "letter.zip"
    answer = lineal("prove", "letter.txt", "-o", bundle, "--data", data, "--json")
    assert answer.code == 0
    assert answer.json["about"] == f"document:{id_of('letter.txt')}"
    count = len(answer.json["records"])
    key = key_of(lineal, data)
    done = stranger(bundle, key)
    assert done.returncode == 0, done.stderr
    origin = key.partition("+")[0]
    assert done.stdout.endswith(f"{count} records are in the log of {origin}\n")


def rewritten(bundle: Path, change: Callable[[str, bytes], bytes]) -> Path:
    target = bundle.with_name("changed.zip")
    with ZipFile(bundle) as source, ZipFile(target, "w") as changed:
        for name in source.namelist():
            changed.writestr(name, change(name, source.read(name)))
    return target


@pytest.mark.parametrize("what", ["record", "index", "hash", "root", "signature", "key"])
def test_a_stranger_finds_what_was_changed(
    lineal: Lineal, data: Path, tmp_path: Path, stranger: Stranger, what: str
) -> None:
    bundle = tmp_path / "letter.zip"
    lineal("prove", "letter.txt", "-o", bundle, "--data", data)
    key = key_of(lineal, data)
    if what == "key":
        (data / "log.key").unlink()
        (data / "lineal.db").unlink()
        lineal("emit", "a.b", "--data", data, stdin=b'{"x": 1}\n', LINEAL_LOG__ENABLED="false")
        from lineal.proof.keys import make_keys

        key = str(make_keys(data / "log.key", key.partition("+")[0]).verifiers[0])

    def change(name: str, content: bytes) -> bytes:
        if what == "record" and name.endswith(".json") and name != "bundle.json":
            return content.replace(b'"actor":"', b'"actor":"not-')
        if not name.endswith(".tlog-proof"):
            return content
        lines = content.split(b"\n")
        checkpoint = lines.index(b"") + 1
        place = {"index": 1, "hash": 2, "root": checkpoint + 2, "signature": checkpoint + 4}
        if what in place:
            line = lines[place[what]]
            at = -9 if what == "signature" else -10 if what in ("hash", "root") else -1
            other = b"1" if line[at : at + 1 or None] != b"1" else b"2"
            lines[place[what]] = line[:at] + other + (line[at + 1 :] if at != -1 else b"")
        return b"\n".join(lines)

    done = stranger(rewritten(bundle, change), key)
    assert done.returncode != 0, done.stdout


def test_what_a_bundle_says(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "letter.zip"
    lineal("prove", id_of("letter.txt")[:10], "-o", bundle, "--bytes", "--data", data)
    key = key_of(lineal, data)
    done = python(bundle, key)
    assert done.returncode == 0, done.stderr
    original = sha256(FILES["letter.txt"]).hexdigest()
    assert f"about document:{id_of('letter.txt')}" in done.stdout
    assert f"object {original}" in done.stdout
    assert "register" in done.stdout and "of code" in done.stdout and original in done.stdout
    with ZipFile(bundle) as opened:
        assert opened.read(f"objects/{original}") == FILES["letter.txt"]
        manifest = orjson.loads(opened.read("bundle.json"))
        for item in manifest["records"]:
            record = opened.read(item["record"])
            assert parse_record(record).steps
            proof = parse_inclusion_proof(opened.read(item["proof"]))
            proof.verify(record_leaf(sha256(record).digest()), [parse_verifier_key(key)])

    def change(name: str, content: bytes) -> bytes:
        return b"other" if name.startswith("objects/") else content

    assert "is not what its digest says" in python(rewritten(bundle, change), key).stderr


def test_the_same_proof_is_the_same_file(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        assert lineal("prove", "note.txt", "-o", tmp_path / name, "--data", data).code == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_an_event_is_what_its_steps_were_about(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    steps = lineal("lineage", "letter.txt", "--data", data, "--json").json
    for event in (steps[0]["events"]["in"][0], steps[0]["events"]["out"][0]):
        said = lineal("prove", event, "-o", tmp_path / "b.zip", "--data", data, "--json").json
        assert said["about"] == f"document:{id_of('letter.txt')}"
    assert lineal("prove", "nobody", "-o", tmp_path / "c.zip", "--data", data).code == 1
    assert not (tmp_path / "c.zip").exists()


def test_nothing_is_proven_that_does_not_hold(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    with tampering(data) as connection:
        connection.execute("DELETE FROM ledger_tiles")
    answer = lineal("prove", "letter.txt", "-o", tmp_path / "b.zip", "--data", data)
    assert answer.code == 1 and "lineal verify" in answer.err
    assert not list(tmp_path.glob("*.zip"))


def test_nothing_is_proven_of_a_ledger_that_has_lost_records(
    lineal: Lineal, data: Path, tmp_path: Path
) -> None:
    """Else a part of what happened to a document would pass for all of it."""
    steps = lineal("lineage", "letter.txt", "--data", data, "--json").json
    asked = ("prove", "letter.txt", "-o", tmp_path / "b.zip", "--data", data)
    assert len(steps) > 2 and lineal(*asked).code == 0
    with tampering(data) as connection:
        connection.execute("DELETE FROM ledger WHERE seq > 3")
    cut_off = lineal(*asked)
    assert cut_off.code == 1 and "the ledger ends at record 3" in cut_off.err


def test_a_record_that_was_taken_out_is_missed(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    with tampering(data) as connection:
        [(seq,)] = connection.execute("SELECT seq FROM ledger WHERE seq > 1 LIMIT 1").fetchall()
        connection.execute("DELETE FROM ledger WHERE seq = ?", (seq,))
    for name in ("letter.txt", "note.txt", "refused.txt", "broken.txt"):
        proven = lineal("prove", name, "-o", tmp_path / "b.zip", "--data", data)
        shown = lineal("lineage", name, "--data", data)
        assert proven.code == shown.code
        if proven.code:
            assert f"record {seq}, which is about document:" in proven.err
            assert f"record {seq}, which is about document:" in shown.err
            return
    raise AssertionError("the record was about none of them")
