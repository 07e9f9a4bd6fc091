"""Inclusion proofs as self-contained files (c2sp.org/tlog-proof)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import NamedTuple

from lineal.proof.checkpoint import OpenedCheckpoint, open_checkpoint
from lineal.proof.merkle import HASH_BYTES, verify_inclusion
from lineal.proof.note import MalformedNote, VerifierKey

_HEAD = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63


class InclusionProof(NamedTuple):
    """A proof that a leaf is in the tree of a checkpoint."""

    leaf_index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    """The signed note."""
    extra: bytes = b""
    """Whatever else; nobody vouches for it."""

    def __bytes__(self) -> bytes:
        extra = [f"extra {b64encode(self.extra).decode()}"] if self.extra else []
        hashes = [b64encode(item).decode() for item in self.hashes]
        lines = [_HEAD, *extra, f"index {self.leaf_index}", *hashes, ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    def verify(self, leaf: bytes, keys: Sequence[VerifierKey]) -> OpenedCheckpoint:
        """Check it for a leaf's hash.

        Returns:
            The checkpoint, for whoever asks witnesses as well.

        Raises:
            MalformedNote, WrongSignature: the checkpoint is none of these keys'.
            WrongProof: the leaf is not in its tree.
        """
        opened = open_checkpoint(self.checkpoint, keys)
        size, root = opened.checkpoint.size, opened.checkpoint.root
        verify_inclusion(leaf, self.leaf_index, size, self.hashes, root)
        return opened


def parse_inclusion_proof(data: bytes) -> InclusionProof:
    """Read a proof; nothing is verified.

    Raises:
        MalformedNote: it is none.
    """
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedNote("a proof that is no ASCII") from error
    if not blank or lines.pop(0) != _HEAD:
        raise MalformedNote("no proof: it does not begin as one")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _decoded(lines.pop(0)[6:])
    place = lines.pop(0) if lines else ""
    digits = place.removeprefix("index ")
    if not place.startswith("index ") or not digits.isdecimal() or str(int(digits)) != digits:
        raise MalformedNote("a proof without an index")
    hashes = tuple(map(_decoded, lines))
    if len(hashes) > _MAX_HASHES or any(len(item) != HASH_BYTES for item in hashes):
        raise MalformedNote("a proof whose hashes are none")
    return InclusionProof(int(digits), hashes, checkpoint, extra)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise MalformedNote("a proof that is no base64") from error
