"""The log follows the ledger, in every store, and signs nothing that was tampered with."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lineal.proof.checkpoint import open_checkpoint
from lineal.proof.errors import ForeignLog, LogInconsistent, UnusableKey
from lineal.proof.keys import new_signer, read_keys, read_verifier_keys, replace_keys
from lineal.proof.ledger_check import LedgerCheck
from lineal.proof.log_tables import read_log, record_leaf, tile_source
from lineal.proof.merkle import root_of
from lineal.proof.note import WrongSignature
from lineal.proof.tiles import TiledTree
from lineal.proof.verification import VerificationContext, begin_snapshot, run_checks
from lineal.store.connection import Connection, Store
from tests.proof.ledgers import append, sign, writer


def leaves(connection: Connection) -> list[bytes]:
    rows = connection.execute("SELECT digest FROM ledger ORDER BY seq").fetchall()
    return [record_leaf(bytes(digest)) for (digest,) in rows]


async def run(store: Store, sql: str, *values: Any) -> None:
    await store.write(lambda connection: connection.execute(sql, values).rowcount)


async def test_the_tree_is_that_of_all_records_at_every_size(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    made = 0
    for size in (1, 2, 255, 256, 257, 700):
        await append(store, made, size - made)
        made = size
        done = await sign(store, folder)
        assert (done.size, done.behind, done.signed) == (size, 0, True)
        keys = read_verifier_keys(folder / "log.key")
        assert done.checkpoint is not None
        opened = open_checkpoint(done.checkpoint, keys)
        hashes = await store.read(leaves)
        assert opened.checkpoint.root == root_of(hashes)
        root = await store.read(lambda c: TiledTree(tile_source(c)).root(1))
        assert root == hashes[0]
        assert (folder / "checkpoints" / "checkpoint").read_bytes() == done.checkpoint
    kept = writer(store, folder).files.kept()
    assert [item.size for item in kept] == [1, 2, 255, 256, 257, 700]
    again = await sign(store, folder)
    assert not again.signed


async def test_what_is_done_again_after_a_crash_is_the_same(store: Store, tmp_path: Path) -> None:
    await append(store, 0, 600)
    first = await sign(store, tmp_path / "log")
    tiles = await store.read(_tiles)
    await run(store, "DELETE FROM ledger_tiles")
    await run(store, "UPDATE ledger_log SET size = 0, checkpoint = NULL")
    second = await sign(store, tmp_path / "log")
    assert await store.read(_tiles) == tiles
    assert first.checkpoint == second.checkpoint


def _tiles(connection: Connection) -> list[tuple[int, bytes]]:
    rows = connection.execute("SELECT id, hashes FROM ledger_tiles ORDER BY id").fetchall()
    return [(id, bytes(hashes)) for id, hashes in rows]


async def test_a_checkpoint_whose_file_was_lost_in_a_crash_is_written_again(
    store: Store, tmp_path: Path
) -> None:
    await append(store, 0, 3)
    done = await sign(store, tmp_path / "log")
    file = tmp_path / "log" / "checkpoints" / "checkpoint"
    file.unlink()
    await append(store, 3, 1)
    after = await sign(store, tmp_path / "log")
    assert file.read_bytes() == after.checkpoint != done.checkpoint


async def test_one_process_at_a_time_extends_it(store: Store, tmp_path: Path) -> None:
    await append(store, 0, 3)
    folder = tmp_path / "log"
    one, other = writer(store, folder, "one"), writer(store, folder, "other")
    assert await one.advance() is not None
    await append(store, 3, 3)
    assert await other.advance() is None
    await one.release()
    done = await other.advance()
    assert done is not None and done.size == 6
    assert await one.advance() is None
    # A dead one's lease ends.
    await run(store, "UPDATE ledger_log SET lease_until = 1")
    assert await one.advance() is not None


async def test_several_that_begin_at_once_make_one_log(store: Store, tmp_path: Path) -> None:
    await append(store, 0, 300)
    writers = [writer(store, tmp_path / "log", str(n)) for n in range(4)]
    await asyncio.gather(*(item.advance() for item in writers))
    assert len({(await item.keys()).text for item in writers}) == 1
    row = await store.read(read_log)
    assert row is not None and row.size == 300


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM ledger WHERE seq > 300",
        "DELETE FROM ledger WHERE seq = 402",
        "UPDATE ledger_tiles SET hashes = (SELECT hashes FROM ledger_tiles WHERE id = 0) "
        "WHERE id = 1",
        "DELETE FROM ledger_tiles WHERE id = 1",
    ],
)
async def test_what_was_signed_otherwise_is_not_signed_again(
    store: Store, tmp_path: Path, change: str
) -> None:
    await append(store, 0, 400)
    await sign(store, tmp_path / "log")
    await append(store, 400, 3)
    await run(store, change)
    with pytest.raises(LogInconsistent):
        await sign(store, tmp_path / "log")


async def test_an_older_copy_of_the_database_is_not_signed(store: Store, tmp_path: Path) -> None:
    """The checkpoint outside says that there was more, whatever the database says."""
    await append(store, 0, 400)
    await sign(store, tmp_path / "log")
    for sql in (
        "DELETE FROM ledger WHERE seq > 100",
        "DELETE FROM ledger_tiles",
        "DELETE FROM ledger_log",
    ):
        await run(store, sql)
    with pytest.raises(LogInconsistent, match="400 records were signed, and the ledger's log has"):
        await sign(store, tmp_path / "log")


async def test_another_key_does_not_sign_the_log(store: Store, tmp_path: Path) -> None:
    await append(store, 0, 3)
    await sign(store, tmp_path / "log")
    with pytest.raises(ForeignLog, match=r"log\.example/test is signed with the key"):
        await sign(store, tmp_path / "elsewhere")
    (tmp_path / "log" / "log.key").rename(tmp_path / "log" / "away")
    with pytest.raises(ForeignLog):
        await sign(store, tmp_path / "log")


async def test_a_checkpoint_file_of_nobody_known_stops_signing(
    store: Store, tmp_path: Path
) -> None:
    await append(store, 0, 3)
    await sign(store, tmp_path / "log")
    file = tmp_path / "log" / "checkpoints" / "checkpoint"
    file.write_bytes(file.read_bytes().replace(b"\n3\n", b"\n2\n"))
    await append(store, 3, 3)
    with pytest.raises(WrongSignature):
        await sign(store, tmp_path / "log")


async def test_the_key_is_its_owners_and_may_be_encrypted(store: Store, tmp_path: Path) -> None:
    await append(store, 0, 3)
    await sign(store, tmp_path / "log", key_password="secret")
    file = tmp_path / "log" / "log.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in file.read_bytes()
    assert len(read_verifier_keys(file)) == 1
    for password in (None, "wrong"):
        with pytest.raises(UnusableKey, match=r"encrypted|password"):
            read_keys(file, password)
    file.chmod(0o644)
    with pytest.raises(UnusableKey, match="chmod 600"):
        await sign(store, tmp_path / "log", key_password="secret")


async def test_a_rotated_key_signs_with_the_old_one_first(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    await append(store, 0, 3)
    await sign(store, folder)
    log = writer(store, folder)
    old = await log.keys()
    both = new_signer(old)
    replace_keys(log.key_file, both)
    done = await log.catch_up()
    assert done is not None and done.checkpoint is not None
    assert open_checkpoint(done.checkpoint, both.verifiers).signed_by == both.verifiers
    replace_keys(log.key_file, both._replace(signers=both.signers[1:]))
    await append(store, 3, 1)
    done = await log.catch_up()
    assert done is not None and done.checkpoint is not None
    assert open_checkpoint(done.checkpoint, both.verifiers).signed_by == both.verifiers[1:]
    with pytest.raises(WrongSignature):
        open_checkpoint(done.checkpoint, old.verifiers)
    row = await store.read(read_log)
    assert row is not None and row.keys == both.text


async def test_files_of_past_days_are_thinned_to_one_an_hour(store: Store, tmp_path: Path) -> None:
    files = writer(store, tmp_path).files
    await asyncio.to_thread(partial(files.put, b"newest", 9, keep=True))
    for size, when in ((1, "10T1001"), (2, "10T1002"), (3, "10T1059"), (4, "10T1100")):
        (files.directory / f"{size:019}-202511{when}00Z.checkpoint").write_bytes(b"x")
    files.sweep()
    assert [item.size for item in files.kept()] == [3, 4, 9]


async def test_every_store_is_verified(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    await append(store, 0, 300)
    await sign(store, folder)
    outside = writer(store, folder).files.load()
    keys = read_verifier_keys(folder / "log.key")

    def findings(connection: Connection) -> list[str]:
        begin_snapshot(connection)
        try:
            context = VerificationContext(connection, folder, outside, keys)
            return [found.what for found in run_checks([LedgerCheck()], context).findings]
        finally:
            connection.execute("ROLLBACK")

    assert await store.read(findings) == []
    await run(store, "UPDATE ledger SET digest = ? WHERE seq = 7", bytes(32))
    assert await store.read(findings) == ["record 7 is not what its digest says"]
