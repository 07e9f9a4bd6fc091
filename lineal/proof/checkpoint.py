"""Checkpoints: the size and root of a log's tree, as a signed note (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import NamedTuple

from lineal.proof.merkle import HASH_BYTES
from lineal.proof.note import (
    MalformedNote,
    Note,
    Signer,
    VerifierKey,
    WrongSignature,
    parse_note,
    verified_keys,
)

_MAX_SIZE = (1 << 63) - 1


class Checkpoint(NamedTuple):
    """The size of a log's tree and the root hash over that many leaves."""

    origin: str
    """Which log."""
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Further lines, which nobody can check."""

    @property
    def text(self) -> str:
        """The text of its note."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint's note.

    Raises:
        MalformedNote: it is none.
    """
    lines = text.split("\n")
    if lines.pop() or len(lines) < 3 or not all(lines):
        raise MalformedNote("a checkpoint has three lines: origin, size, root")
    origin, size, root, *extensions = lines
    decimal = size.isascii() and size.isdecimal() and (size == "0" or not size.startswith("0"))
    if not decimal or len(size) > 19 or int(size) > _MAX_SIZE:
        raise MalformedNote(f"a checkpoint's size is no number: {size[:40]!r}")
    try:
        decoded = b64decode(root, validate=True)
    except ValueError as error:
        raise MalformedNote("a checkpoint's root is no base64") from error
    if len(decoded) != HASH_BYTES or b64encode(decoded).decode() != root:
        raise MalformedNote("a checkpoint's root is no SHA-256")
    return Checkpoint(origin, int(size), decoded, tuple(extensions))


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer]) -> Note:
    """A checkpoint as a note, signed by all given keys."""
    text = checkpoint.text
    return Note(text, tuple(signer.sign(text) for signer in signers))


class OpenedCheckpoint(NamedTuple):
    """A checkpoint, whose signature was verified."""

    checkpoint: Checkpoint
    note: Note
    signed_by: tuple[VerifierKey, ...]


def open_checkpoint(data: bytes, keys: Sequence[VerifierKey]) -> OpenedCheckpoint:
    """Read a checkpoint and verify that it is signed by one of the given keys.

    Raises:
        MalformedNote: it is none.
        WrongSignature: it is not signed by any of them, or a signature of one is wrong.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    own = [key for key in keys if key.name == checkpoint.origin]
    signed_by = verified_keys(note, own)
    if not signed_by:
        raise WrongSignature(
            f"the checkpoint of {checkpoint.origin} at {checkpoint.size} is not signed by a known "
            "key of that log"
        )
    return OpenedCheckpoint(checkpoint, note, tuple(signed_by))
