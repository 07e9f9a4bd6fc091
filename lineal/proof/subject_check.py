"""Whether the records about one subject are in the tree that was signed."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from lineal.lineage.ledger import records_of_subject
from lineal.proof.log_tables import record_leaf, tile_source
from lineal.proof.merkle import WrongProof, inclusion_proof, verify_inclusion
from lineal.proof.tiles import TiledTree
from lineal.proof.trust import find_checkpoints, trusted_keys
from lineal.proof.verification import Finding, Progress, VerificationContext

NAME = "subject"


class SubjectCheck:
    """See :class:`lineal.proof.verification.Check`.

    That no record about the subject was taken out is said by the check of the whole ledger only.

    Args:
        subject: ``document:<id>``, for one.
    """

    name = NAME

    def __init__(self, subject: str) -> None:
        self._subject = subject

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        checkpoints = find_checkpoints(context, trusted_keys(context))
        for problem in checkpoints.problems:
            yield Finding(NAME, problem)
        if not checkpoints.found:
            yield Finding(NAME, "there is no checkpoint of a trusted key")
            return
        newest = checkpoints.found[-1]
        signed = newest.opened.checkpoint
        tree = TiledTree(tile_source(context.connection))
        records = records_of_subject(context.connection, self._subject)
        for done, (seq, canonical) in enumerate(records, 1):
            progress(done, len(records))
            leaf = record_leaf(sha256(canonical).digest())
            if seq > signed.size:
                yield Finding(NAME, f"record {seq} is not signed: nothing vouches for it", seq)
                continue
            try:
                proof = inclusion_proof(tree, seq - 1, signed.size)
                verify_inclusion(leaf, seq - 1, signed.size, proof, signed.root)
            except (LookupError, WrongProof) as error:
                yield Finding(NAME, f"record {seq} is not the one that was logged: {error}", seq)
        context.results |= {"records": len(records), "signed": signed.size}
