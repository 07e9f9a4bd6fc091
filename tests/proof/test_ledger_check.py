"""What was changed is found and named, and what still holds is said."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lineal.proof.checkpoint import open_checkpoint
from lineal.proof.files import CheckpointFiles
from lineal.proof.kept_checkpoints import KeptCheckpoint
from lineal.proof.keys import read_keys, read_verifier_keys
from lineal.proof.log_tables import record_leaf
from lineal.store.database import Database
from tests.proof.ledgers import make_ledger, sign
from tests.proof.mutations import forged, mutate_log
from tests.proof.verifying import tampering, verify

SIZES = (3, 256, 300, 600)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    make_ledger(folder, SIZES)
    return folder


@pytest.fixture
def folder(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "data"))


def test_a_ledger_that_nobody_touched(folder: Path) -> None:
    verified = verify(folder)
    assert verified.findings == ()
    assert verified.results == {"records": 600, "signed": 600, "holds": 600}
    opened = open_checkpoint(
        CheckpointFiles(folder / "checkpoints").kept()[1].path.read_bytes(),
        read_verifier_keys(folder / "log.key"),
    )
    assert opened.checkpoint.size == 256
    assert verify(folder, since=opened.checkpoint).findings == ()


async def test_a_ledger_of_an_earlier_version_gets_its_tree_and_verifies(tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "store" / "migrations" / "version-4.db.gz"
    (tmp_path / "lineal.db").write_bytes(gzip.decompress(old.read_bytes()))
    database = Database(tmp_path, durability="normal")
    database.open()
    done = await sign(database, tmp_path)
    await database.close()
    assert (done.size, done.behind) == (312, 0)
    verified = verify(tmp_path)
    assert verified.findings == ()
    assert verified.results["holds"] == 312


@pytest.mark.parametrize("number", [1, 257, 300, 301, 600])
def test_a_changed_record_is_named_and_the_rest_still_holds(folder: Path, number: int) -> None:
    with tampering(folder) as connection:
        digest, record = forged(connection, number)
        connection.execute(
            "UPDATE ledger SET digest = ?, record = ? WHERE seq = ?", (digest, record, number)
        )
    verified = verify(folder)
    assert [(f.record, f.what) for f in verified.findings] == [
        (number, f"record {number} is not the one that was logged")
    ]
    assert verified.results["holds"] == max(s for s in (0, *SIZES) if s < number)


def test_a_changed_record_with_its_leaf_changed_too(folder: Path) -> None:
    with tampering(folder) as connection:
        digest, record = forged(connection, 290)
        connection.execute("UPDATE ledger SET digest = ?, record = ? WHERE seq = 290",
                           (digest, record))  # fmt: skip
        (tile,) = connection.execute("SELECT hashes FROM ledger_tiles WHERE id = 1").fetchone()
        place = (289 - 256) * 32
        tile = tile[:place] + record_leaf(digest) + tile[place + 32 :]
        connection.execute("UPDATE ledger_tiles SET hashes = ? WHERE id = 1", (tile,))
    verified = verify(folder)
    assert verified.first is not None
    assert "neither records nor tiles from 257 to 300 make its root" in verified.first.what
    assert verified.results["holds"] == 256


def test_a_record_that_is_not_what_its_digest_says(folder: Path) -> None:
    with tampering(folder) as connection:
        _, record = forged(connection, 5)
        connection.execute("UPDATE ledger SET record = ? WHERE seq = 5", (record,))
        connection.execute("UPDATE ledger SET record = x'00' WHERE seq = 7")
    found = [(f.record, f.what) for f in verify(folder).findings]
    assert (5, "record 5 is not what its digest says") in found
    assert (5, "record 5 is not the one that was logged") in found
    assert (7, "record 7 is missing, or cannot be read") in found


def test_records_cut_off_taken_out_swapped_and_put_in(folder: Path) -> None:
    copies = {name: Path(shutil.copytree(folder, folder.with_name(name))) for name in "abcd"}
    with tampering(copies["a"]) as connection:
        connection.execute("DELETE FROM ledger WHERE seq > 299")
    verified = verify(copies["a"])
    first = verified.first
    assert first is not None
    assert first.what == "the ledger ends at record 299, and 600 were signed: 301 are missing"
    assert verified.results["holds"] == 299, "of those that are there"
    with tampering(copies["b"]) as connection:
        connection.execute("DELETE FROM ledger WHERE seq = 17")
    first = verify(copies["b"]).first
    assert first is not None and first.record == 17
    with tampering(copies["c"]) as connection:
        for one, other in ((20, -1), (500, 20), (-1, 500)):
            connection.execute("UPDATE ledger SET seq = ? WHERE seq = ?", (other, one))
    assert {f.record for f in verify(copies["c"]).findings} == {20, 500}
    with tampering(copies["d"]) as connection:
        connection.execute("INSERT INTO ledger SELECT seq + 600, build, digest, record FROM ledger "
                           "WHERE seq < 3")  # fmt: skip
        connection.execute("INSERT INTO ledger SELECT -5, build, digest, record FROM ledger "
                           "WHERE seq = 3")  # fmt: skip
    whats = [f.what for f in verify(copies["d"]).findings]
    assert whats[0] == "record -5 is not of this ledger: records begin at 1"
    assert whats[1].startswith("records 601 to 602 are not signed")


def test_of_two_ledgers_that_part_what_they_share_holds(signed: Path, tmp_path: Path) -> None:
    """One was shown to somebody who kept its checkpoint, and both have the same key."""
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    make_ledger(mine, [3])
    shutil.copytree(mine, theirs)
    make_ledger(mine, [4])
    for _ in range(2):
        make_ledger(theirs, [2])
    kept = (theirs / "checkpoints" / "checkpoint").read_bytes()
    verified = verify(mine, given=[KeptCheckpoint("theirs", kept)])
    assert [finding.what for finding in verified.findings] == [
        "theirs at 7 is not of this ledger: neither records nor tiles from 4 to 7 make its root"
    ]
    assert verified.results["holds"] == 3


def test_an_older_state_put_back_as_a_whole(signed: Path, tmp_path: Path) -> None:
    """Ledger, tiles and checkpoint of the database agree; what was kept outside does not."""
    old = tmp_path / "data"
    make_ledger(old, [3])
    shutil.copytree(old, tmp_path / "old")
    make_ledger(old, [200])
    shutil.copy(tmp_path / "old" / "lineal.db", old / "lineal.db")
    for name in ("lineal.db-wal", "lineal.db-shm"):
        (old / name).unlink(missing_ok=True)
    verified = verify(old)
    assert [finding.what for finding in verified.findings] == [
        "the checkpoint in the database is of 3 records, and the newest checkpoint outside of 203",
        "the ledger ends at record 3, and 203 were signed: 200 are missing",
    ]
    assert verified.first == verified.findings[1]
    assert verified.results["holds"] == 3


@pytest.mark.parametrize(
    ("tile", "what"),
    [
        (0, "tile 0 of level 0 does not hold the hash of record 2"),
        (1, "tile 1 of level 0 does not hold the hash of record 258"),
        (2, "tile 2 of level 0 does not hold the hash of record 514"),
        (1 << 40, "tile 0 of level 1 is not made of those below"),
    ],
)
def test_a_changed_tile_is_named(folder: Path, tile: int, what: str) -> None:
    with tampering(folder) as connection:
        (hashes,) = connection.execute(
            "SELECT hashes FROM ledger_tiles WHERE id = ?", (tile,)
        ).fetchone()
        changed = hashes[:40] + bytes((hashes[40] ^ 1,)) + hashes[41:]
        connection.execute("UPDATE ledger_tiles SET hashes = ? WHERE id = ?", (changed, tile))
    assert [f.what for f in verify(folder).findings] == [what]


@pytest.mark.parametrize("tile", [0, 1, 2, 1 << 40])
def test_a_tile_that_is_missing_cut_off_or_too_many(folder: Path, tile: int) -> None:
    copies = {name: Path(shutil.copytree(folder, folder.with_name(name))) for name in "abc"}
    with tampering(copies["a"]) as connection:
        connection.execute("DELETE FROM ledger_tiles WHERE id = ?", (tile,))
    with tampering(copies["b"]) as connection:
        connection.execute("UPDATE ledger_tiles SET hashes = substr(hashes, 1, 32) WHERE id = ?",
                           (tile,))  # fmt: skip
    with tampering(copies["c"]) as connection:
        connection.execute("INSERT INTO ledger_tiles SELECT id + 7, hashes FROM ledger_tiles "
                           "WHERE id = ?", (tile,))  # fmt: skip
    for copy in copies.values():
        assert verify(copy).findings, copy


def test_a_checkpoint_of_another_key_or_tree_is_none(folder: Path) -> None:
    files = CheckpointFiles(folder / "checkpoints")
    kept = [item.path for item in files.kept()]
    kept[0].write_bytes(kept[0].read_bytes().replace(b"\n3\n", b"\n4\n"))
    kept[1].write_bytes(b"no note")
    kept[2].write_bytes(kept[3].read_bytes())
    whats = "\n".join(f.what for f in verify(folder).findings)
    assert f"{kept[0].name}: the signature of log.example/test is wrong" in whats
    assert f"{kept[1].name}: a note without signatures" in whats
    assert f"{kept[2].name} is a checkpoint at 600" in whats
    (files.directory / "checkpoint").unlink()
    assert "the newest checkpoint outside is missing" in str(verify(folder).findings)


def test_what_somebody_kept_elsewhere_counts(folder: Path, tmp_path: Path) -> None:
    longer = tmp_path / "longer"
    shutil.copytree(folder, longer)
    make_ledger(longer, [650])
    note = (longer / "checkpoints" / "checkpoint").read_bytes()
    verified = verify(folder, given=[KeptCheckpoint("the given checkpoint", note)])
    assert verified.first is not None
    assert "50 are missing" in str(verified.findings)


def test_the_key_of_somebody_else_signs_nothing(folder: Path, tmp_path: Path) -> None:
    make_ledger(tmp_path / "other", [600])
    (folder / "log.key").unlink()
    shutil.copy(tmp_path / "other" / "log.key", folder / "log.key")
    verified = verify(folder)
    assert verified.results["signed"] == 0
    assert "records 1 to 600 are not signed" in str(verified.findings)
    assert len(read_keys(folder / "log.key").signers) == 1


@pytest.mark.parametrize(
    ("count", "seed"),
    [(300, 0), *(pytest.param(1_000, seed, marks=pytest.mark.long) for seed in range(1, 11))],
)
def test_random_changes_of_a_log_of_several_tiles_are_found_each(
    folder: Path, count: int, seed: int
) -> None:
    random = Random(seed)
    with tampering(folder) as connection:
        for number in range(count):
            connection.execute("BEGIN")
            said = mutate_log(random, connection)
            verified = _verify_here(folder, connection)
            assert verified, f"change {number} was not found: {said}"
            connection.execute("ROLLBACK")
        assert not _verify_here(folder, connection)


def _verify_here(folder: Path, connection: Any) -> tuple[Any, ...]:
    from lineal.proof.ledger_check import LedgerCheck
    from lineal.proof.verification import VerificationContext, run_checks

    keys = read_verifier_keys(folder / "log.key")
    outside = CheckpointFiles(folder / "checkpoints").load()
    context = VerificationContext(connection, folder, outside, keys)
    return run_checks([LedgerCheck()], context).findings
