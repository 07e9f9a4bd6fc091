"""Reads the newest checkpoint of a log, and checks that its tree begins with the one seen before.

With it a witness polls a log that cannot reach the witness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from lineal.proof.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from lineal.proof.merkle import WrongProof, consistency_proof, verify_consistency
from lineal.proof.note import VerifierKey
from lineal.proof.tiles import TiledTree
from lineal.proof.witness import AddCheckpoint, Witness, WitnessRejection


class LogSource(Protocol):
    """A log that can be read, as :class:`lineal.proof.log_client.LogClient` reads one."""

    def checkpoint(self) -> bytes:
        """The newest; nothing of it is verified."""
        ...

    def tree(self, size: int) -> TiledTree:
        """The tree at a size, in leaves."""
        ...


class Growth(NamedTuple):
    """A checkpoint that is new, and the proof that it begins with the one seen before."""

    opened: OpenedCheckpoint
    old_size: int
    proof: tuple[bytes, ...]


def newest_of_log(
    source: LogSource,
    keys: Sequence[VerifierKey],
    seen_of: Callable[[str], Checkpoint | None],
) -> Growth | None:
    """The newest checkpoint of a log; None if it is the one seen before.

    Args:
        seen_of: gives what was seen last of the log of a name.

    Raises:
        Unreachable: the log does not answer.
        MalformedNote, WrongSignature: what it answers is none of these keys'.
        WitnessRejection: it is not consistent with what was seen before. Two checkpoints of one log
            that no proof connects are evidence against it: keep both.
    """
    opened = open_checkpoint(source.checkpoint(), keys)
    new = opened.checkpoint
    seen = seen_of(new.origin)
    if seen is None:
        return Growth(opened, 0, ())
    if seen == new:
        return None
    if new.size < seen.size:
        # Also a log may be behind a cache: what it shows is to be a beginning of what was seen.
        raise WitnessRejection(
            400, f"the log shows {new.size} records, and {seen.size} were seen before"
        )
    try:
        proof = consistency_proof(source.tree(new.size), seen.size, new.size)
        verify_consistency(seen.size, new.size, seen.root, new.root, proof)
    except (LookupError, WrongProof) as error:
        raise WitnessRejection(
            422,
            f"the log of {new.size} records does not begin with the {seen.size} seen "
            f"before: {error}",
        ) from error
    return Growth(opened, seen.size, tuple(proof))


def witness_newest(
    source: LogSource, keys: Sequence[VerifierKey], witness: Witness
) -> OpenedCheckpoint | None:
    """Read the newest checkpoint of a log and cosign it; None if it was cosigned before.

    Raises:
        As :func:`newest_of_log`.
    """
    found = newest_of_log(source, keys, witness.newest_of)
    if found is None:
        return None
    note = str(found.opened.note).encode()
    witness.add_checkpoint(AddCheckpoint(found.old_size, found.proof, note))
    return found.opened
