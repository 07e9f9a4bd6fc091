"""Witnesses cosign what is consistent with what they saw, and nothing else."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lineal.proof.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint, sign_checkpoint
from lineal.proof.cosigning import CosignatureCollector
from lineal.proof.following import witness_newest
from lineal.proof.http import Answer, Unreachable, request
from lineal.proof.log_client import LogClient
from lineal.proof.log_tables import read_log
from lineal.proof.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of
from lineal.proof.note import (
    COSIGNATURE,
    MalformedNote,
    Note,
    Signer,
    WrongSignature,
    cosigned_at,
    parse_signatures,
    verified_keys,
)
from lineal.proof.policy import parse_policy
from lineal.proof.serving import log_routes
from lineal.proof.tiles import TiledTree
from lineal.proof.witness import (
    AddCheckpoint,
    Witness,
    WitnessRejection,
    origin_hash,
    parse_add_checkpoint,
)
from lineal.proof.witness_serving import witness_routes
from lineal.store.connection import Store
from tests.proof import trees
from tests.proof.ledgers import append, sign, writer
from tests.proof.serving import served

LOG = Signer("log.example/test", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
ENTRIES = [b"%d" % n for n in range(40)]
TREE = TiledTree(partial(trees.tile, entries=ENTRIES))


def witness_in(folder: Path, number: int = 1) -> Witness:
    key = Ed25519PrivateKey.from_private_bytes(bytes([7, number] * 16))
    signer = Signer(f"witness.example/w{number}", key, COSIGNATURE)
    return Witness(signer, [LOG.verifier], folder / f"w{number}")


def note_at(size: int, entries: list[bytes] = ENTRIES, signer: Signer = LOG) -> bytes:
    root = root_of([leaf_hash(entry) for entry in entries[:size]])
    return str(sign_checkpoint(Checkpoint(signer.verifier.name, size, root), [signer])).encode()


def asked(old: int, new: int, **changes: Any) -> AddCheckpoint:
    proof = tuple(consistency_proof(TREE, old, new)) if 0 < old < new else ()
    return AddCheckpoint(old, proof, note_at(new))._replace(**changes)


def status_of(witness: Witness, ask: AddCheckpoint) -> int:
    try:
        witness.add_checkpoint(ask)
    except WitnessRejection as error:
        return error.status
    return 200


def test_what_is_consistent_is_cosigned(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    old = 0
    for size in (0, 1, 5, 5, 8, 40):
        signature = witness.add_checkpoint(asked(old, size))
        text = note_at(size).decode().rpartition("\n\n")[0] + "\n"
        assert verified_keys(Note(text, (signature,)), [witness.signer.verifier])
        assert cosigned_at(signature) > 1_700_000_000
        kept = witness.newest(origin_hash("log.example/test"))
        assert kept is not None
        opened = open_checkpoint(kept, [LOG.verifier])
        assert opened.checkpoint.size == size
        assert verified_keys(opened.note, [witness.signer.verifier])
        old = size


def test_what_is_not_is_rejected_as_the_protocol_says(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    other = Signer("log.example/test", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    unknown = Signer("other.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    forged = [*ENTRIES[:5], b"forged", *ENTRIES[6:]]
    witness.add_checkpoint(asked(0, 8))
    assert status_of(witness, asked(8, 20, checkpoint=note_at(20, signer=unknown))) == 404
    assert status_of(witness, asked(8, 20, checkpoint=note_at(20, signer=other))) == 403
    assert status_of(witness, asked(8, 20, checkpoint=note_at(20)[:-4] + b"AA=\n")) in (403, 400)
    assert status_of(witness, asked(8, 20, old_size=30)) == 400
    assert status_of(witness, asked(5, 20)) == 409
    assert status_of(witness, asked(0, 8)) == 409
    assert status_of(witness, asked(8, 20, checkpoint=note_at(20, forged))) == 422
    assert status_of(witness, asked(8, 20, proof=())) == 422
    assert status_of(witness, asked(8, 8, checkpoint=note_at(8, forged))) == 422
    assert status_of(witness, asked(8, 8, proof=(bytes(32),))) == 422
    fresh = witness_in(tmp_path, 2)
    assert status_of(fresh, asked(0, 8, proof=(bytes(32),))) == 422
    empty = str(sign_checkpoint(Checkpoint("log.example/test", 0, bytes(32)), [LOG])).encode()
    assert status_of(fresh, asked(0, 0, checkpoint=empty)) == 422
    assert note_at(0).count(b"47DEQpj8HBSa") and root_of([]) == EMPTY_ROOT
    with pytest.raises(WitnessRejection) as error:
        witness.add_checkpoint(asked(5, 20))
    assert error.value.size == 8
    assert witness.newest_of("log.example/test") == Checkpoint(
        "log.example/test", 8, root_of([leaf_hash(entry) for entry in ENTRIES[:8]])
    )


def test_of_many_at_once_each_follows_the_one_before(tmp_path: Path) -> None:
    """No two trees are cosigned that one log cannot have both."""
    witness_in(tmp_path).add_checkpoint(asked(0, 1))
    forged = [ENTRIES[0], *[b"forged %d" % n for n in range(39)]]
    tree = TiledTree(partial(trees.tile, entries=forged))
    asks = [asked(1, size) for size in range(2, 20)]
    for size in range(2, 20):
        proof = tuple(consistency_proof(tree, 1, size))
        asks.append(AddCheckpoint(1, proof, note_at(size, forged)))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda ask: status_of(witness_in(tmp_path), ask), asks))
    assert sorted(found) == [200] + [409] * (len(asks) - 1)


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=200),
)
def test_a_request_is_read_again(old: int, proof: list[bytes], noise: bytes) -> None:
    ask = AddCheckpoint(old, tuple(proof), note_at(3))
    assert parse_add_checkpoint(bytes(ask)) == ask
    try:
        parse_add_checkpoint(noise)
    except MalformedNote:
        return
    assert noise.startswith(b"old ")


@pytest.mark.parametrize(
    "body",
    [b"", b"old 01\n\nx", b"old -1\n\nx", b"old x\n\nx", b"old 1\nAAAA\n\nx", b"old 1\n!\n\nx",
     b"old 1\n" + b"A" * 43 + b"=\n", b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\nx"],
)  # fmt: skip
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(MalformedNote):
        parse_add_checkpoint(body)


async def test_over_http(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    async with served(witness_routes(witness)) as url:

        async def ask(path: str, body: bytes | None = None) -> Answer:
            return await asyncio.to_thread(partial(request, url, path, body=body))

        answer = await ask("add-checkpoint", body=bytes(asked(0, 8)))
        assert answer.status == 200
        (signature,) = parse_signatures(answer.body.decode())
        assert signature.made_by(witness.signer.verifier)
        conflict = await ask("add-checkpoint", body=bytes(asked(3, 20)))
        assert (conflict.status, conflict.body) == (409, b"8\n")
        assert (await ask("add-checkpoint", body=b"old")).status == 400
        assert (await ask("add-checkpoint", body=bytes(200_000))).status == 413
        newest = await ask(f"{origin_hash('log.example/test')}/checkpoint")
        assert open_checkpoint(newest.body, [LOG.verifier]).checkpoint.size == 8
        for path in (f"{origin_hash('other')}/checkpoint", "../lock/checkpoint", "x/checkpoint"):
            assert (await ask(path)).status == 404


async def test_a_log_collects_what_its_policy_asks_for(store: Store, tmp_path: Path) -> None:
    await append(store, 0, 300)
    done = await sign(store, tmp_path / "log")
    assert done.checkpoint is not None
    log = writer(store, tmp_path / "log", "again")
    keys = (await log.keys()).verifiers
    witnesses = [witness_in(tmp_path, number) for number in (1, 2, 3)]
    for item in witnesses:
        item._logs = keys
    async with (
        served(witness_routes(witnesses[0])) as one,
        served(witness_routes(witnesses[1])) as two,
    ):

        def policy_of(threshold: int, third: str = "http://127.0.0.1:9/") -> Any:
            urls = (one, f"{two}/", third)
            lines = [
                f"witness W{n} {item.signer.verifier} {url}\n"
                for n, (item, url) in enumerate(zip(witnesses, urls, strict=True))
            ]
            quorum = f"group all {threshold} W0 W1 W2\nquorum all\n"
            return parse_policy("".join([*lines, quorum]).encode())

        enough = CosignatureCollector(store, log, policy_of(2))
        assert await enough.collect() is True
        row = await store.read(read_log)
        assert row is not None and row.witnessed == row.checkpoint == log.files.newest()
        assert row.witnessed is not None
        opened = open_checkpoint(row.witnessed, keys)
        assert policy_of(2).cosigned_by(opened.note) == {"W0", "W1"}
        assert await enough.collect() is None
        # A later checkpoint, of a collector that has forgotten what the witnesses know.
        await append(store, 300, 50)
        await sign(store, tmp_path / "log")
        too_many = CosignatureCollector(store, log, policy_of(3))
        assert await too_many.collect() is False
        row = await store.read(read_log)
        assert row is not None and row.checkpoint != row.witnessed
        assert open_checkpoint(row.witnessed or b"", keys).checkpoint.size == 300
        assert await CosignatureCollector(store, log, policy_of(2)).collect() is True
        row = await store.read(read_log)
        assert row is not None
        assert open_checkpoint(row.witnessed or b"", keys).checkpoint.size == 350


async def test_the_answer_of_somebody_else_is_no_cosignature(store: Store, tmp_path: Path) -> None:
    await append(store, 0, 3)
    await sign(store, tmp_path / "log")
    log = writer(store, tmp_path / "log", "again")
    impostor, meant = witness_in(tmp_path, 1), witness_in(tmp_path, 2)
    impostor._logs = (await log.keys()).verifiers
    async with served(witness_routes(impostor)) as url:
        policy = parse_policy(f"witness W {meant.signer.verifier} {url}\nquorum W\n".encode())
        assert await CosignatureCollector(store, log, policy).collect() is False
    row = await store.read(read_log)
    assert row is not None and row.witnessed is None


async def test_following_a_log(store: Store, tmp_path: Path) -> None:
    await append(store, 0, 300)
    await sign(store, tmp_path / "log")
    keys = (await writer(store, tmp_path / "log").keys()).verifiers
    witness = witness_in(tmp_path)
    witness._logs = keys
    async with served(log_routes(store)) as url:

        async def follow() -> OpenedCheckpoint | None:
            return await asyncio.to_thread(witness_newest, LogClient(url), keys, witness)

        opened = await follow()
        assert opened is not None and opened.checkpoint.size == 300
        assert await follow() is None
        await append(store, 300, 400)
        await sign(store, tmp_path / "log")
        opened = await follow()
        assert opened is not None and opened.checkpoint.size == 700
        with pytest.raises(WrongSignature):
            await asyncio.to_thread(witness_newest, LogClient(url), [LOG.verifier], witness)
    with pytest.raises(Unreachable):
        await follow()


async def test_a_log_that_was_made_anew_is_not_followed(tmp_path: Path, store: Store) -> None:
    """With its own key: whoever has that can sign anything, and only the witness remembers."""
    await append(store, 0, 300)
    await sign(store, tmp_path / "log")
    keys = (await writer(store, tmp_path / "log").keys()).verifiers
    witness = witness_in(tmp_path)
    witness._logs = keys
    async with served(log_routes(store)) as url:

        async def follow() -> OpenedCheckpoint | None:
            return await asyncio.to_thread(witness_newest, LogClient(url), keys, witness)

        await follow()
        for sql in ("DELETE FROM ledger WHERE seq > 200", "DELETE FROM ledger_tiles",
                    "DELETE FROM ledger_log"):  # fmt: skip
            await store.write(lambda c, sql=sql: c.execute(sql).rowcount)  # type: ignore[misc]
        (tmp_path / "log" / "checkpoints" / "checkpoint").unlink()
        await sign(store, tmp_path / "log")
        with pytest.raises(WitnessRejection, match="the log shows 200 records, and 300 were seen"):
            await follow()
        await append(store, 1_000, 200)
        await sign(store, tmp_path / "log")
        with pytest.raises(WitnessRejection, match="does not begin with the 300 seen before"):
            await follow()
