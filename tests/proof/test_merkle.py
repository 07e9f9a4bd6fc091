"""The tree and its proofs against RFC 6962's own recursion."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.proof.merkle import (
    WrongProof,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from lineal.proof.tiles import TiledTree
from tests.proof import trees

SIZES = st.one_of(st.integers(1, 40), st.integers(250, 600))


def entries_of(size: int) -> list[bytes]:
    return [b"%d" % number for number in range(size)]


def tiled(entries: list[bytes]) -> TiledTree:
    return TiledTree(partial(trees.tile, entries=entries))


@given(SIZES)
def test_the_root_is_that_of_the_recursion(size: int) -> None:
    entries = entries_of(size)
    assert root_of([leaf_hash(entry) for entry in entries]) == trees.mth(entries)
    assert tiled(entries).root(size) == trees.mth(entries)


def test_a_tree_of_three_levels_of_tiles() -> None:
    entries = entries_of(70_000)
    leaves = [leaf_hash(entry) for entry in entries]

    def source(level: int, number: int) -> bytes:
        hashes = leaves
        for _ in range(level):
            full = len(hashes) // 256 * 256
            hashes = [root_of(hashes[at : at + 256]) for at in range(0, full, 256)]
        return b"".join(hashes[number * 256 : (number + 1) * 256])

    tree = TiledTree(source)
    assert tree.root(70_000) == root_of(leaves)
    assert tree.root(65_536) == root_of(leaves[:65_536])
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        proof = inclusion_proof(tree, index, 70_000)
        verify_inclusion(leaves[index], index, 70_000, proof, root_of(leaves))


@given(st.data())
def test_every_leaf_is_proven_and_no_other(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    entries = entries_of(size)
    root = trees.mth(entries)
    proof = inclusion_proof(tiled(entries), index, size)
    assert proof == trees.path(index, entries)
    leaf = leaf_hash(entries[index])
    verify_inclusion(leaf, index, size, proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index) | st.just(size))
    for wrong in (
        (leaf_hash(b"forged"), index, size, proof, root),
        (leaf, other, size, proof, root),
        (leaf, index, size, [*proof, bytes(32)], root),
        (leaf, index, size, proof, bytes(32)),
    ):
        with pytest.raises(WrongProof):
            verify_inclusion(*wrong)
    if proof:
        for wrong_proof in (proof[:-1], proof[1:], [bytes(32), *proof[1:]]):
            with pytest.raises(WrongProof):
                verify_inclusion(leaf, index, size, wrong_proof, root)


@given(st.data())
def test_every_beginning_is_proven_and_no_other(data: st.DataObject) -> None:
    new = data.draw(SIZES)
    old = data.draw(st.integers(0, new))
    entries = entries_of(new)
    old_root, new_root = trees.mth(entries[:old]), trees.mth(entries)
    proof = consistency_proof(tiled(entries), old, new)
    if old:
        assert proof == trees.proof(old, entries)
    verify_consistency(old, new, old_root, new_root, proof)
    forged = trees.mth([*entries[: old - 1], b"forged"]) if old else bytes(32)
    wrongs = [(forged, new_root, proof), (old_root, new_root, [*proof, bytes(32)])]
    if 0 < old < new:
        wrongs += [(old_root, bytes(32), proof), (old_root, new_root, proof[:-1])]
    for wrong_old, wrong_new, wrong_proof in wrongs:
        with pytest.raises(WrongProof):
            verify_consistency(old, new, wrong_old, wrong_new, wrong_proof)


def test_a_missing_tile_is_no_proof() -> None:
    tree = TiledTree(lambda level, number: b"")
    with pytest.raises(LookupError):
        tree.root(3)
    with pytest.raises(LookupError):
        inclusion_proof(tree, 3, 3)
    with pytest.raises(LookupError):
        consistency_proof(tree, 4, 3)
