"""A witness: cosigns checkpoints of logs it knows, if they begin with what it saw before.

As C2SP tlog-witness says. It remembers the newest checkpoint of each log in a file, which is
durable before the cosignature leaves the house; processes on one directory take turns.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from lineal.errors import LinealError
from lineal.proof.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint, parse_checkpoint
from lineal.proof.files import write_durably
from lineal.proof.merkle import EMPTY_ROOT, HASH_BYTES, WrongProof, verify_consistency
from lineal.proof.note import (
    MalformedNote,
    NoteSignature,
    Signer,
    VerifierKey,
    WrongSignature,
    parse_note,
)

SIZE_TYPE = "text/x.tlog.size"
_MAX_PROOF = 63


class WitnessRejection(LinealError, ValueError):
    """A witness does not cosign a checkpoint.

    Args:
        status: that the protocol has for it over HTTP.
        size: of the newest checkpoint that the witness has cosigned, where it is another than was
            thought.
    """

    def __init__(self, status: int, reason: str, size: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.size = size


class AddCheckpoint(NamedTuple):
    """A request to a witness: the body of ``add-checkpoint``."""

    old_size: int
    """Of the checkpoint that the witness is thought to have cosigned last."""
    proof: tuple[bytes, ...]
    """That the new tree begins with that one."""
    checkpoint: bytes
    """The signed note."""

    def __bytes__(self) -> bytes:
        hashes = [b64encode(item).decode() for item in self.proof]
        lines = [f"old {self.old_size}", *hashes, ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read the body of ``add-checkpoint``.

    Raises:
        MalformedNote: it is none.
    """
    head, blank, checkpoint = body.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    digits = first.removeprefix(b"old ")
    well_formed = first.startswith(b"old ") and digits.isdigit() and len(digits) < 20
    if not blank or not well_formed or str(int(digits)).encode() != digits:
        raise MalformedNote("the body begins with no old size")
    try:
        proof = tuple(b64decode(line, validate=True) for line in lines)
    except ValueError as error:
        raise MalformedNote("the consistency proof is no base64") from error
    if len(proof) > _MAX_PROOF or any(len(item) != HASH_BYTES for item in proof):
        raise MalformedNote("the consistency proof is none")
    return AddCheckpoint(int(digits), proof, checkpoint)


def origin_hash(origin: str) -> str:
    """The id of a log in a witness's URLs."""
    return sha256(origin.encode()).hexdigest()


class Witness:
    """Cosigns the checkpoints of some logs.

    Args:
        signer: with a key for cosignatures.
        logs: verifier keys of the logs; a log whose key was rotated has several.
        directory: where it remembers what it saw.
    """

    def __init__(self, signer: Signer, logs: Sequence[VerifierKey], directory: Path) -> None:
        self.signer = signer
        self._logs = logs
        self._directory = directory

    def newest(self, log: str) -> bytes | None:
        """The newest checkpoint that it has cosigned, with its cosignature.

        Args:
            log: the hash of the log's origin.

        Raises:
            OSError: it cannot be read.
        """
        try:
            return self._file(log).read_bytes()
        except FileNotFoundError:
            return None

    def newest_of(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint of a log that the witness has cosigned.

        Raises:
            OSError, MalformedNote: it cannot be read.
        """
        note = self.newest(origin_hash(origin))
        return None if note is None else parse_checkpoint(parse_note(note).text)

    def add_checkpoint(self, asked: AddCheckpoint) -> NoteSignature:
        """Cosign a checkpoint, and store it as the newest.

        Raises:
            MalformedNote: it is none.
            WitnessRejection: it is of a log that is not known, not signed by it, or not consistent
                with what was seen of it.
            OSError: it cannot be remembered, and is not cosigned.
        """
        origin = parse_checkpoint(parse_note(asked.checkpoint).text).origin
        keys = [key for key in self._logs if key.name == origin]
        if not keys:
            raise WitnessRejection(404, f"the log {origin} is not known here")
        try:
            opened = open_checkpoint(asked.checkpoint, keys)
        except WrongSignature as error:
            raise WitnessRejection(403, str(error)) from error
        if asked.old_size > opened.checkpoint.size:
            raise WitnessRejection(400, "the old size is larger than the new one")
        with self._turn():
            self._check(asked, opened.checkpoint)
            return self._cosign(opened)

    def _check(self, asked: AddCheckpoint, new: Checkpoint) -> None:
        seen = self.newest_of(new.origin)
        size = 0 if seen is None else seen.size
        if asked.old_size != size:
            raise WitnessRejection(409, f"the last that was cosigned has {size}", size)
        old_root = EMPTY_ROOT if seen is None else seen.root
        if new.size == 0 and new.root != EMPTY_ROOT:
            raise WitnessRejection(422, "the root of an empty tree is another one")
        try:
            verify_consistency(size, new.size, old_root, new.root, asked.proof)
        except WrongProof as error:
            raise WitnessRejection(422, str(error)) from error

    def _cosign(self, opened: OpenedCheckpoint) -> NoteSignature:
        signature = self.signer.sign(opened.note.text, int(time.time()))
        own = [item for item in opened.note.signatures if _is_by(item, opened.signed_by)]
        note = opened.note._replace(signatures=(*own, signature))
        target = self._file(origin_hash(opened.checkpoint.origin))
        write_durably(target, str(note).encode())
        return signature

    def _file(self, log: str) -> Path:
        return self._directory / f"{log}.checkpoint"

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._directory / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _is_by(item: NoteSignature, keys: Sequence[VerifierKey]) -> bool:
    return any(item.made_by(key) for key in keys)
