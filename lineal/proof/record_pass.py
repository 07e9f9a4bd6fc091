"""A single pass over all records for all checks that compare something with them.

A package adds readers of its own under the entry points ``lineal.checks``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from lineal.errors import StoreDamaged
from lineal.lineage.canonical import parse_record
from lineal.lineage.ledger import stored_bytes
from lineal.lineage.record import Record
from lineal.proof.verification import Finding, Progress, VerificationContext
from lineal.store.connection import Connection

NAME = "derived"
_BATCH_SIZE = 500
_MAX_FINDINGS = 20
"""Of one reader, one by one."""


@runtime_checkable
class RecordReader(Protocol):
    """Compares something that follows from the records with them."""

    @property
    def reads_records(self) -> str:
        """The name of the check."""
        ...

    def begin(self, context: VerificationContext) -> None:
        """Forget what was read: the first record follows."""
        ...

    def add(self, seq: int, build: int | None, record: Record) -> None:
        """The next record, and the number of the build that its row names."""
        ...

    def findings(self) -> Iterator[str | tuple[str, int]]:
        """The findings, once all records were read; with the number of a record if one is
        concerned."""
        ...


class RecordPass:
    """See :class:`lineal.proof.verification.Check`.

    Nothing is compared where only a part of the ledger is verified: what is derived follows from
    all of it.
    """

    name = NAME

    def __init__(self, readers: Sequence[RecordReader]) -> None:
        self._readers = readers

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        if context.since is not None:
            return
        for reader in self._readers:
            reader.begin(context)
        total = _last(context.connection)
        for seq, build, record in read_records(context.connection):
            for reader in self._readers:
                reader.add(seq, build, record)
            if seq % _BATCH_SIZE == 0:
                progress(seq, total)
        progress(total, total)
        for reader in self._readers:
            yield from _limited(reader)


def read_records(
    connection: Connection, first: int = 1, last: int | None = None
) -> Iterator[tuple[int, int | None, Record]]:
    """Records from a number to another, with the build that each row names. What cannot be read is
    left out: the check of the log names it."""
    end = _last(connection) if last is None else last
    while first <= end:
        rows = connection.execute(
            "SELECT seq, build, record FROM ledger WHERE seq >= ? AND seq <= ? ORDER BY seq "
            f"LIMIT {_BATCH_SIZE}",
            (first, end),
        ).fetchall()
        if not rows:
            return
        for seq, build, kept in rows:
            try:
                record = parse_record(stored_bytes(bytes(kept)))
            except (StoreDamaged, ValueError, LookupError, TypeError):
                continue
            yield seq, build, record
        first = rows[-1][0] + 1


def _last(connection: Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()[0])


def _limited(reader: RecordReader) -> Iterator[Finding]:
    more = 0
    for number, found in enumerate(reader.findings()):
        if number >= _MAX_FINDINGS:
            more += 1
            continue
        what, record = (found, None) if isinstance(found, str) else found
        yield Finding(reader.reads_records, what, record)
    if more:
        yield Finding(reader.reads_records, f"{more} more are wrong")
