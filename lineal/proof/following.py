"""A witness that goes to a log and looks, where the log cannot reach it."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.proof.checkpoint import OpenedCheckpoint, open_checkpoint
from lineal.proof.log_client import LogClient
from lineal.proof.merkle import WrongProof, consistency_proof, verify_consistency
from lineal.proof.note import VerifierKey
from lineal.proof.witness import AddCheckpoint, Witness, WitnessRejection


def witness_newest(
    client: LogClient, keys: Sequence[VerifierKey], witness: Witness
) -> OpenedCheckpoint | None:
    """Read the newest checkpoint of a log and cosign it; None if it was cosigned before.

    Raises:
        Unreachable: the log does not answer.
        MalformedNote, WrongSignature: what it answers is none of these keys'.
        WitnessRejection: it is not consistent with what was seen before. Two checkpoints of one log
            that no proof connects are evidence against it: keep both.
    """
    opened = open_checkpoint(client.checkpoint(), keys)
    new = opened.checkpoint
    seen = witness.newest_of(new.origin)
    if seen is not None and seen == new:
        return None
    old_size = 0 if seen is None else seen.size
    if seen is not None and new.size < seen.size:
        # Also a log may be behind a cache: what it shows is to be a beginning of what was seen.
        raise WitnessRejection(
            400, f"the log shows {new.size} records, and {seen.size} were seen before"
        )
    proof: list[bytes] = []
    if seen is not None:
        try:
            proof = consistency_proof(client.tree(new.size), old_size, new.size)
            verify_consistency(old_size, new.size, seen.root, new.root, proof)
        except (LookupError, WrongProof) as error:
            raise WitnessRejection(
                422,
                f"the log of {new.size} records does not begin with the {old_size} seen "
                f"before: {error}",
            ) from error
    witness.add_checkpoint(AddCheckpoint(old_size, tuple(proof), str(opened.note).encode()))
    return opened
