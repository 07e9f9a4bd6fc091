"""The Merkle tree of RFC 6962 section 2.1, with SHA-256: hashes, proofs, and how they are checked.

What makes proofs and what checks them are written from different texts (RFC 6962 recursion, RFC
9162 iteration), so that a fault in one is not repeated in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from lineal.errors import LinealError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""Root of a tree without leaves."""


class WrongProof(LinealError, ValueError):
    """A proof does not prove what it claims to."""


class Subtrees(Protocol):
    """A source of the hashes of a tree's complete subtrees."""

    def subtree(self, height: int, index: int) -> bytes:
        """The root over the leaves ``index << height`` up to ``(index + 1) << height``.

        Raises:
            LookupError: the tree does not have all of them.
        """
        ...


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf (RFC 6962, 2.1)."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 6962, 2.1)."""
    return sha256(b"\1" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of consecutive leaves, or of subtrees of one size.

    A level at a time; what has no neighbour is carried up, which is where RFC 6962 puts it.
    """
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return level[0]


def _split(size: int) -> int:
    """The largest power of two below a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def range_root(tree: Subtrees, begin: int, end: int) -> bytes:
    """The root over leaves of a range that is a subtree of some tree: it begins at a multiple of a
    power of two that is not below its length.

    Raises:
        LookupError: the tree does not have all of them.
    """
    size = end - begin
    if size == 0:
        return EMPTY_ROOT
    height = size.bit_length() - 1
    if size == 1 << height:
        return tree.subtree(height, begin >> height)
    split = begin + _split(size)
    return node_hash(range_root(tree, begin, split), range_root(tree, split, end))


def inclusion_proof(tree: Subtrees, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf in a tree of so many leaves (RFC 6962, 2.1.1), from its sibling up.

    Raises:
        LookupError: the tree is smaller, or there is no such leaf.
    """
    if not 0 <= index < size:
        raise LookupError(f"a tree of {size} leaves has no leaf {index}")
    proof = []
    begin, end = 0, size
    while end - begin > 1:
        split = begin + _split(end - begin)
        if index < split:
            proof.append(range_root(tree, split, end))
            end = split
        else:
            proof.append(range_root(tree, begin, split))
            begin = split
    return proof[::-1]


def consistency_proof(tree: Subtrees, old: int, new: int) -> list[bytes]:
    """The proof that a tree of ``new`` leaves begins with that of ``old`` ones (RFC 6962, 2.1.2).

    Raises:
        LookupError: the tree is smaller, or ``old`` is larger than ``new``.
    """
    if old > new:
        raise LookupError(f"a tree of {new} leaves does not begin with one of {old}")
    if old in (0, new):
        return []
    proof = []
    begin, end, known = 0, new, True
    while end != old:
        split = begin + _split(end - begin)
        if old <= split:
            proof.append(range_root(tree, split, end))
            end = split
        else:
            proof.append(range_root(tree, begin, split))
            begin, known = split, False
    if not known:
        proof.append(range_root(tree, begin, end))
    return proof[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf's hash is in the tree of a root (RFC 9162, 2.1.3.2).

    Raises:
        WrongProof: it is not, or this does not show it.
    """
    if not 0 <= index < size:
        raise WrongProof(f"a tree of {size} leaves has no leaf {index}")
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise WrongProof("the proof is too long")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise WrongProof("the proof is too short")
    if found != root:
        raise WrongProof(f"leaf {index} is not in the tree of this root")


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that one tree begins with another (RFC 9162, 2.1.4.2).

    Raises:
        WrongProof: it does not, or this does not show it.
    """
    if not 0 <= old <= new:
        raise WrongProof(f"a tree of {new} leaves does not begin with one of {old}")
    if old in (0, new):
        if proof:
            raise WrongProof("the proof is too long")
        if old_root != (new_root if old else EMPTY_ROOT):
            raise WrongProof("two roots of one size")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise WrongProof("the proof is too short")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise WrongProof("the proof is too long")
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise WrongProof("the proof is too short")
    if first != old_root or second != new_root:
        raise WrongProof("the later tree does not begin with the earlier one")


class Frontier:
    """The right edge of a tree: its complete subtrees, enough to append leaves and to compute
    the root hash."""

    def __init__(self) -> None:
        self._subtrees: list[tuple[int, bytes]] = []

    def add(self, height: int, root: bytes) -> None:
        """Add a complete subtree behind the others, none of which is smaller."""
        while self._subtrees and self._subtrees[-1][0] == height:
            root = node_hash(self._subtrees.pop()[1], root)
            height += 1
        self._subtrees.append((height, root))

    def root(self, rest: Sequence[bytes] = ()) -> bytes:
        """The root over what was added, and the leaves' hashes of one smaller subtree behind."""
        subtrees = [root for _, root in self._subtrees]
        if rest:
            subtrees.append(root_of(rest))
        if not subtrees:
            return EMPTY_ROOT
        found = subtrees.pop()
        while subtrees:
            found = node_hash(subtrees.pop(), found)
        return found

    def copy(self) -> Frontier:
        """A copy."""
        other = Frontier()
        other._subtrees = list(self._subtrees)
        return other
