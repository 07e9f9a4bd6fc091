"""Reads records for display, each compared with its leaf in the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

from lineal.lineage.canonical import parse_record, steps_with_artifact, subject_entries
from lineal.lineage.ledger import (
    lost_records,
    records_made_with,
    records_of_actor,
    records_of_input,
    records_of_subject,
)
from lineal.lineage.record import RecordedStep
from lineal.proof.errors import LogInconsistent
from lineal.proof.log_tables import read_log, record_leaf, tile_source
from lineal.proof.tiles import TiledTree
from lineal.store.connection import Connection


def logged_records(
    connection: Connection, records: Iterable[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes]]:
    """Records by their numbers and canonical bytes, each compared with its leaf in the log's tree,
    where it has one yet. That the tree is the one that was signed is what ``lineal verify`` says.

    Raises:
        LogInconsistent: a record is not the one that was logged.
    """
    row = read_log(connection)
    size = 0 if row is None else row.size
    tree = TiledTree(tile_source(connection))
    for seq, canonical in records:
        leaf = record_leaf(sha256(canonical).digest())
        if seq <= size and leaf != _leaf(tree, seq):
            raise LogInconsistent(
                f"record {seq} is not the one that was logged: it is not shown. `lineal verify` "
                "says what else is wrong"
            )
        yield seq, canonical


def logged_steps(connection: Connection, subject: str) -> list[RecordedStep]:
    """The steps that are about a subject, in their order.

    Raises:
        LogInconsistent: a record is not the one that was logged, or is missing.
    """
    if lost := lost_records(connection, subject):
        raise LogInconsistent(
            f"record {lost[0]}, which is about {subject}, is missing: `lineal verify` says what "
            "else is wrong"
        )
    found = logged_records(connection, records_of_subject(connection, subject))
    return [step for _, canonical in found for step in subject_entries(canonical, subject)]


def logged_steps_with(connection: Connection, artifacts: Iterable[str]) -> list[RecordedStep]:
    """The steps that were made with any of some artifacts, in their order.

    Args:
        artifacts: their digests.

    Raises:
        LogInconsistent: a record is not the one that was logged.
    """
    records = dict(pair for sha256 in artifacts for pair in records_made_with(connection, sha256))
    return _steps(logged_records(connection, sorted(records.items())))


def logged_steps_by(connection: Connection, actor: str) -> list[RecordedStep]:
    """The steps of an actor, in their order.

    Raises:
        LogInconsistent: a record is not the one that was logged.
    """
    return _steps(logged_records(connection, records_of_actor(connection, actor)))


def _steps(records: Iterable[tuple[int, bytes]]) -> list[RecordedStep]:
    return [step for _, canonical in records for step in parse_record(canonical).recorded()]


def logged_readers(connection: Connection, sha256_hex: str) -> list[RecordedStep]:
    """The steps that read some bytes, in their order.

    Raises:
        LogInconsistent: a record is not the one that was logged.
    """
    found = logged_records(connection, records_of_input(connection, sha256_hex))
    return [
        step
        for _, canonical in found
        for step in steps_with_artifact(canonical, sha256_hex, made=False)
    ]


def _leaf(tree: TiledTree, seq: int) -> bytes:
    try:
        return tree.leaf(seq - 1)
    except LookupError as error:
        raise LogInconsistent(f"{error}: `lineal verify` says what is wrong") from error
