"""Reading records that are shown to people: as they were logged, or not at all."""

from __future__ import annotations

from hashlib import sha256

from lineal.lineage.canonical import subject_entries
from lineal.lineage.ledger import records_of_subject
from lineal.lineage.record import RecordedStep
from lineal.proof.errors import LogInconsistent
from lineal.proof.log_tables import read_log, record_leaf, tile_source
from lineal.proof.tiles import TiledTree
from lineal.store.connection import Connection


def logged_steps(connection: Connection, subject: str) -> list[RecordedStep]:
    """The steps that are about a subject, in their order.

    Each record is compared with its leaf in the log's tree, where it has one yet. That the tree is
    the one that was signed is what ``lineal verify`` says.

    Raises:
        LogInconsistent: a record is not the one that was logged.
    """
    row = read_log(connection)
    size = 0 if row is None else row.size
    tree = TiledTree(tile_source(connection))
    steps: list[RecordedStep] = []
    for seq, canonical in records_of_subject(connection, subject):
        leaf = record_leaf(sha256(canonical).digest())
        if seq <= size and leaf != _leaf(tree, seq):
            raise LogInconsistent(
                f"record {seq} is not the one that was logged: it is not shown. `lineal verify` "
                "says what else is wrong"
            )
        steps += subject_entries(canonical, subject)
    return steps


def _leaf(tree: TiledTree, seq: int) -> bytes:
    try:
        return tree.leaf(seq - 1)
    except LookupError as error:
        raise LogInconsistent(f"{error}: `lineal verify` says what is wrong") from error
