"""Compares every record and tile of the ledger with the signed checkpoints.

Two trees are made side by side: one of the records as they are, one of the leaves that the tiles
hold. Where they differ, the next checkpoint says which of the two was signed, and so whether a
record or a tile was changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from lineal.errors import StoreDamaged
from lineal.lineage.ledger import stored_bytes
from lineal.proof.checkpoint import Checkpoint
from lineal.proof.log_tables import read_log, record_leaf, tile_id, tile_source
from lineal.proof.merkle import Frontier, root_of
from lineal.proof.tiles import TILE_HEIGHT, TILE_WIDTH, TiledTree, split_hashes
from lineal.proof.trust import Checkpoints, FoundCheckpoint, find_checkpoints, trusted_keys
from lineal.proof.verification import Finding, Progress, VerificationContext
from lineal.store.connection import Connection

NAME = "log"
_MAX_FINDINGS = 100
"""Of records, one by one: where all are wrong, a count says as much."""
_NONE = b""


class _Block(NamedTuple):
    """Up to 256 records, and the tile of their leaves."""

    first: int
    """Index of its first leaf."""
    records: list[bytes]
    """Leaves' hashes of the records as they are; empty ones where there is no readable record."""
    tile: list[bytes]


class LedgerCheck:
    """See :class:`lineal.proof.verification.Check`."""

    name = NAME

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        keys = trusted_keys(context)
        checkpoints = find_checkpoints(context, keys)
        for problem in checkpoints.problems:
            yield Finding(NAME, problem)
        yield from _Scan(context, checkpoints).findings(progress)
        yield from _quorum(context, checkpoints)


def _quorum(context: VerificationContext, checkpoints: Checkpoints) -> Iterator[Finding]:
    if context.policy is None or not checkpoints.found:
        return
    witnessed = 0
    for item in reversed(checkpoints.found):
        try:
            missing = context.policy.missing_of(item.opened.note)
        except ValueError as error:
            yield Finding(NAME, f"{item.where}: {error}")
            continue
        if missing is None:
            witnessed = item.size
            break
    context.results["witnessed"] = witnessed
    if not witnessed:
        yield Finding(NAME, "no checkpoint was signed by the witnesses that the policy asks for")


class _Scan:
    """One pass over records and tiles."""

    def __init__(self, context: VerificationContext, checkpoints: Checkpoints) -> None:
        self._context = context
        self._connection = context.connection
        self._ahead = list(checkpoints.found)
        self._last_signed = max((item.size for item in checkpoints.found), default=0)
        self._begin = 0
        self._of_records, self._of_tiles = Frontier(), Frontier()
        self._unreadable = False
        """Whether the tree of the records has a gap: it has no root."""
        self._undecided: list[tuple[int, str]] = []
        """Leaves in which the two trees differ, until a checkpoint says which is right."""
        self._findings: list[Finding] = []
        self._more = 0
        self._tile_roots: list[bytes] = []
        """Of the full tiles, as they should be."""
        self._record_roots: dict[int, bytes] = {}
        """What they would be if the records of these blocks are right, and the tiles wrong."""
        self._wrong_tiles: set[int] = set()
        self._last = 0
        """The ledger's last record."""
        self._bad_checkpoint = False
        self.holds = 0
        """Records up to here are as a checkpoint says, and all that is known of them."""
        self._held_before = 0
        """What held at checkpoints of smaller sizes: of two roots for one size none is right."""

    def findings(self, progress: Progress) -> Iterator[Finding]:
        connection = self._connection
        row = read_log(connection)
        size = 0 if row is None else row.size
        first, last = _ends(connection)
        self._last = last
        if last and first < 1:
            yield Finding(NAME, f"record {first} is not of this ledger: records begin at 1", first)
        since = self._context.since
        if since is not None:
            problem = self._begin_at(since.size, since.root)
            if problem is not None:
                yield Finding(NAME, problem, 1)
                return
        if size > last or size < min(self._last_signed, last):
            yield Finding(NAME, f"the log says that it has {size} records, the ledger has {last}")
        total = max(size, last, self._last_signed)
        for block in self._blocks(total):
            self._judge(block)
            progress(min(block.first + TILE_WIDTH, total), total)
        self._finish()
        yield from self._findings
        if self._more:
            yield Finding(NAME, f"{self._more} more records are wrong")
        yield from self._upper_tiles(size)
        results = self._context.results
        results |= {"records": last, "signed": self._last_signed, "holds": self.holds}

    def _begin_at(self, size: int, root: bytes) -> str | None:
        """Accept what lies before a checkpoint, as far as the tiles agree with it."""
        tree = TiledTree(tile_source(self._connection))
        try:
            if tree.root(size) != root:
                return f"the log's tiles are not those of the checkpoint at {size}"
            self._begin = size // TILE_WIDTH * TILE_WIDTH
            for height in range(self._begin.bit_length() - 1, TILE_HEIGHT - 1, -1):
                if self._begin >> height & 1:
                    known = tree.subtree(height, (self._begin >> height) - 1)
                    for frontier in (self._of_records, self._of_tiles):
                        frontier.add(height, known)
            self._tile_roots = [
                tree.subtree(TILE_HEIGHT, number) for number in range(self._begin // TILE_WIDTH)
            ]
        except LookupError as error:
            return str(error)
        self._ahead = [item for item in self._ahead if item.size >= size]
        self.holds = self._begin
        return None

    def _blocks(self, total: int) -> Iterator[_Block]:
        source = tile_source(self._connection)
        for first in range(self._begin, total, TILE_WIDTH):
            width = min(TILE_WIDTH, total - first)
            records = self._leaves(first, width)
            try:
                tile = split_hashes(source(0, first // TILE_WIDTH))
            except ValueError:
                tile = []
            yield _Block(first, records, tile)

    def _leaves(self, first: int, width: int) -> list[bytes]:
        leaves = [_NONE] * width
        rows = self._connection.execute(
            "SELECT seq, digest, record FROM ledger WHERE seq > ? AND seq <= ?",
            (first, first + width),
        )
        for seq, digest, record in rows:
            try:
                found = sha256(stored_bytes(bytes(record))).digest()
            except StoreDamaged:
                continue
            if found != digest:
                self._report(seq, f"record {seq} is not what its digest says")
            leaves[seq - first - 1] = record_leaf(found)
        return leaves

    def _judge(self, block: _Block) -> None:
        begin = block.first
        width = len(block.records)
        tile = block.tile + [_NONE] * (width - len(block.tile))
        if block.records != tile[:width] or len(block.tile) > width:
            for place in range(max(width, len(block.tile))):
                is_record = block.records[place] if place < width else _NONE
                if is_record != tile[place]:
                    self._undecided.append((begin + place, _difference(is_record, tile[place])))
        while self._ahead and self._ahead[0].size <= begin + width:
            checkpoint = self._ahead.pop(0)
            self._compare(checkpoint, block.records, tile, checkpoint.size - begin)
        if width == TILE_WIDTH:
            self._pass(begin // TILE_WIDTH, block.records, tile)

    def _pass(self, number: int, records: list[bytes], tile: list[bytes]) -> None:
        """Append a full block."""
        root = root_of(records)
        self._unreadable = self._unreadable or _NONE in records
        of_tile = root if tile == records else root_of(tile)
        self._of_records.add(TILE_HEIGHT, root)
        self._of_tiles.add(TILE_HEIGHT, of_tile)
        self._tile_roots.append(root if number in self._wrong_tiles else of_tile)
        if root != of_tile:
            self._record_roots[number] = root

    def _compare(
        self, item: FoundCheckpoint, records: list[bytes], tile: list[bytes], width: int
    ) -> None:
        root = item.opened.checkpoint.root
        beginning = records[:width]
        gap = self._unreadable or _NONE in beginning
        records_hold = not gap and self._of_records.root(beginning) == root
        tiles_hold = records_hold if not self._undecided else False
        if not records_hold or self._undecided:
            part = tile[:width]
            tiles_hold = _NONE not in part and self._of_tiles.root(part) == root
        if not records_hold and not tiles_hold:
            self._bad_checkpoint = True
            if item.size <= self.holds:
                self.holds = self._held_before
            if item.size <= self._last:  # what is cut off is reported at once
                self._report(
                    self.holds + 1,
                    f"{item.where} at {item.size} is not of this ledger: neither records nor "
                    f"tiles from {self.holds + 1} to {item.size} make its root",
                )
            return
        self._decide(item.size, records_hold)
        if not self._findings and not self._bad_checkpoint:
            holds = min(item.size, self._last)  # a ledger that was cut off ends before
            if holds > self.holds:
                self._held_before, self.holds = self.holds, holds

    def _decide(self, size: int, records_hold: bool) -> None:
        """Decide for each difference before a checkpoint whether record or tile is wrong."""
        later = [entry for entry in self._undecided if entry[0] >= size]
        for index, difference in self._undecided:
            if index < size:
                self._decided(index, difference, records_hold)
        self._undecided = later
        right, wrong = self._of_tiles, self._of_records
        if records_hold:
            right, wrong = wrong, right
        self._of_records, self._of_tiles = right.copy(), right.copy()
        self._unreadable = False

    def _decided(self, index: int, difference: str, records_hold: bool) -> None:
        if records_hold:
            number = index // TILE_WIDTH
            self._wrong_tiles.add(number)
            if number in self._record_roots:
                self._tile_roots[number] = self._record_roots.pop(number)
            where = f"tile {number} of level 0"
            self._report(index + 1, f"{where} does not hold the hash of record {index + 1}")
        elif index < self._last:  # what is cut off is reported at once
            self._report(index + 1, f"record {index + 1} {difference}")

    def _finish(self) -> None:
        """Compare what follows the last checkpoint, and what no checkpoint has decided."""
        last, signed = self._last, self._last_signed
        for index, difference in self._undecided:
            if index < min(last, signed):
                self._report(index + 1, f"record {index + 1} {difference}")
            elif index >= max(last, signed):
                where = f"tile {index // TILE_WIDTH} of level 0"
                self._report(index + 1, f"{where} holds hashes of records that are not there")
                break
        if last < signed:
            self._report(
                last + 1,
                f"the ledger ends at record {last}, and {signed} were signed: "
                f"{signed - last} are missing",
            )
        elif last > signed:
            self._report(
                signed + 1,
                f"records {signed + 1} to {last} are not signed: nothing vouches for them; a "
                "daemon, or `lineal log checkpoint`, signs what it finds",
            )

    def _report(self, record: int, what: str) -> None:
        if len(self._findings) < _MAX_FINDINGS:
            self._findings.append(Finding(NAME, what, record))
        else:
            self._more += 1

    def _upper_tiles(self, size: int) -> Iterator[Finding]:
        """The tiles above the leaves, and whether there are others than the log has."""
        source = tile_source(self._connection)
        hashes: Sequence[bytes] = self._tile_roots[: size // TILE_WIDTH]
        level, expected = 1, {tile_id(0, n): n for n in range(-(-size // TILE_WIDTH))}
        while hashes:
            for number in range(-(-len(hashes) // TILE_WIDTH)):
                expected[tile_id(level, number)] = number
                part = hashes[number * TILE_WIDTH : (number + 1) * TILE_WIDTH]
                if source(level, number) != b"".join(part):
                    yield Finding(
                        NAME, f"tile {number} of level {level} is not made of those below"
                    )
            above = range(0, len(hashes) // TILE_WIDTH * TILE_WIDTH, TILE_WIDTH)
            hashes = [root_of(hashes[at : at + TILE_WIDTH]) for at in above]
            level += 1
        for (id,) in self._connection.execute("SELECT id FROM ledger_tiles ORDER BY id"):
            if id not in expected:
                yield Finding(NAME, f"the log has no tile {id >> 40}/{id & (1 << 40) - 1}")


def _difference(of_record: bytes, of_tile: bytes) -> str:
    if not of_record:
        return "is missing, or cannot be read"
    if not of_tile:
        return "is not in the log's tree"
    return "is not the one that was logged"


def _ends(connection: Connection) -> tuple[int, int]:
    row = connection.execute(
        "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM ledger"
    ).fetchone()
    return int(row[0]), int(row[1])


def newest_holds(connection: Connection, checkpoint: Checkpoint) -> str | None:
    """Whether the store still has the tree of a checkpoint, and as many records: a look that costs
    nothing. Returns what is wrong."""
    _, last = _ends(connection)
    if last < checkpoint.size:
        return f"the ledger ends at record {last}, and {checkpoint.size} were signed"
    try:
        root = TiledTree(tile_source(connection)).root(checkpoint.size)
    except LookupError as error:
        return str(error)
    if root != checkpoint.root:
        return f"the log is not the one that was signed at {checkpoint.size} records"
    return None
