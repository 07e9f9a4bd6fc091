"""Whether the index of the ledger, and what its rows say beside their records, follow from them.

What the index should hold and what it holds are summed up by blocks of records, each entry by a
number that nobody else can compute (Python's hash of bytes is keyed by chance). Where two sums
differ, the entries of that block are compared one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from lineal.lineage.builds import build_row, build_rows
from lineal.lineage.ledger import record_keys
from lineal.lineage.record import Build, Record
from lineal.proof.record_pass import read_records
from lineal.proof.verification import VerificationContext
from lineal.store.connection import Connection
from lineal.store.key_index import entry_number, index_entries, node_entries, separate_entries

_BLOCK_BITS = 8


class IndexReader:
    """See :class:`lineal.proof.record_pass.RecordReader`."""

    reads_records = "index"

    def __init__(self) -> None:
        self._connection: Connection
        self._expected: defaultdict[int, int] = defaultdict(int)

    def begin(self, context: VerificationContext) -> None:
        self._connection = context.connection
        self._expected = defaultdict(int)

    def add(self, seq: int, build: int | None, record: Record) -> None:
        total = sum(map(hash, separate_entries(index_entries(record_keys(record), seq))))
        block = seq >> _BLOCK_BITS
        self._expected[block] += total

    def findings(self) -> Iterator[str | tuple[str, int]]:
        found = 0
        for node, entries, misplaced in node_entries(self._connection):
            if misplaced:
                yield f"node {node:x} of the ledger's index holds what does not belong there"
            found += sum(map(hash, separate_entries(entries)))
        if found != sum(self._expected.values()):
            for block in self._wrong_blocks():
                yield from self._compare(block)

    def _wrong_blocks(self) -> list[int]:
        found: defaultdict[int, int] = defaultdict(int)
        for _, entries, _ in node_entries(self._connection):
            for entry in separate_entries(entries):
                found[entry_number(entry) >> _BLOCK_BITS] += hash(entry)
        blocks = self._expected.keys() | found.keys()
        return sorted(item for item in blocks if self._expected[item] != found[item])

    def _compare(self, block: int) -> Iterator[tuple[str, int]]:
        first = block << _BLOCK_BITS
        last = first + (1 << _BLOCK_BITS) - 1
        expected = {
            entry
            for seq, _, record in read_records(self._connection, first, last)
            for entry in separate_entries(index_entries(record_keys(record), seq))
        }
        found: list[bytes] = []
        for _, entries, _ in node_entries(self._connection):
            each = separate_entries(entries)
            found += [entry for entry in each if first <= entry_number(entry) <= last]
        for number in sorted({entry_number(item) for item in expected.difference(found)}):
            yield f"the ledger's index does not lead to record {number} everywhere", number
        twice = len(found) > len(set(found))
        for number in sorted({entry_number(item) for item in set(found) - expected}):
            yield f"the ledger's index leads to record {number} where it should not", number
        if twice:
            yield f"the ledger's index names records from {max(first, 1)} on twice", max(first, 1)


class BuildReader:
    """See :class:`lineal.proof.record_pass.RecordReader`: the table of builds, and which one the
    row of a record names."""

    reads_records = "builds"

    def __init__(self) -> None:
        self._rows: dict[int, tuple[str, ...]] = {}
        self._unused: set[int] = set()
        self._known: dict[Build, tuple[str, ...]] = {}
        self._wrong: list[int] = []

    def begin(self, context: VerificationContext) -> None:
        self._rows = build_rows(context.connection)
        self._unused = set(self._rows)
        self._known, self._wrong = {}, []

    def add(self, seq: int, build: int | None, record: Record) -> None:
        if build is not None:
            self._unused.discard(build)
        expected = None if record.build is None else self._row(record.build)
        if (None if build is None else self._rows.get(build)) != expected:
            self._wrong.append(seq)

    def _row(self, build: Build) -> tuple[str, ...]:
        if build not in self._known:
            self._known[build] = build_row(build)
        return self._known[build]

    def findings(self) -> Iterator[str | tuple[str, int]]:
        for seq in self._wrong:
            yield f"the row of record {seq} names another build than the record", seq
        for number in sorted(self._unused):
            yield f"no record is of build {number} of stage {self._rows[number][0]}"
