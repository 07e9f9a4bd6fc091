"""Takes what can still be read of a damaged data folder into a new one, and says what was lost.

The pages of the database are read without SQLite, which refuses all of them where the first is
damaged (:mod:`lineal.store.damaged_database`). Records and objects are taken if they have their
digests. The ledger's index and the tables of projections are made again from the records.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from lineal.backup.restore import FolderExists
from lineal.bus.marks import Marks, keys_of, stored_keys
from lineal.errors import StoreDamaged
from lineal.lineage.index import rebuild_index
from lineal.lineage.ledger import put_record, stored_bytes
from lineal.lineage.projections import installed_projections
from lineal.lineage.rebuild import rebuild
from lineal.lineage.topic_records import find_lost_records, records_of_messages
from lineal.proof.files import CheckpointFiles
from lineal.proof.log_tables import record_leaf, tile_source
from lineal.proof.tiles import TiledTree
from lineal.store.blobs import BlobMissing, FileBlobs
from lineal.store.damaged_database import DamagedDatabase
from lineal.store.page_rows import Row
from lineal.store.private import make_private, make_private_file
from lineal.store.sqlite import SqliteConnection, connect
from lineal.store.tables import create_tables
from lineal_schemas.envelope import RawEvent

Progress = Callable[[str, int, int], None]

_DERIVED = ("ledger_index", "sqlite_sequence")
_FORMER_NAMES = {"fan_in_groups": ("gathering", {"group_id": "whole"})}
"""What a table and its columns were called in the schema of an earlier lineal."""
_TEXTS = "search_text"


@dataclass(slots=True)
class SalvageResult:
    """What was taken, and what was not."""

    rows: dict[str, int] = field(default_factory=dict)
    """By table."""
    records_lost: list[int] = field(default_factory=list)
    """Their numbers."""
    records_put_back: list[int] = field(default_factory=list)
    """Numbers of those that only the lineage topic had."""
    objects: int = 0
    """Large ones."""
    objects_lost: list[str] = field(default_factory=list)
    """Large ones that are not what their digests say."""
    tables_lost: list[str] = field(default_factory=list)
    """Of which nothing could be read."""
    tables_incomplete: list[str] = field(default_factory=list)
    """Of which rows may be missing, but not all."""
    pages_lost: list[int] = field(default_factory=list)
    """Of the database, from 1 on, that are in use and cannot be read as a whole."""
    pages_unassigned: list[int] = field(default_factory=list)
    """That can be read, but may be of several tables, so that they were not taken."""
    steps_left_out: list[str] = field(default_factory=list)
    """Of records that were taken, but that a projection could not apply: which, and why."""
    database_missing: bool = False
    """There was no file, or an empty one."""

    @property
    def is_complete(self) -> bool:
        """Whether all was taken. A page that was lost alone, as one of the schema, had no rows."""
        return not (
            self.records_lost
            or self.objects_lost
            or self.tables_lost
            or self.tables_incomplete
            or self.pages_unassigned
            or self.steps_left_out
            or self.database_missing
        )


def salvage(
    source: Path,
    checkpoints: Path,
    target: Path,
    progress: Progress = lambda what, done, total: None,
    *,
    on_topic: Sequence[RawEvent] = (),
    mark_secrets: str | None = None,
) -> SalvageResult:
    """Take what can be read into a new data folder.

    Args:
        checkpoints: of the log, which say how many records there were.
        on_topic: the messages of a broker's lineage topic, in their order.
        mark_secrets: those of the settings, by which it is known who has written them; None: the
            keys are in the database.

    Raises:
        FolderExists: the target is there already.
        OSError: something cannot be read or written.
    """
    if target.exists() and any(target.iterdir()):
        raise FolderExists(f"{target} is there already: name a new folder")
    make_private(target)
    make_private_file(target / "lineal.db")
    done = SalvageResult()
    with contextlib.closing(connect(target / "lineal.db", "normal")) as new:
        create_tables(new)
        with contextlib.closing(DamagedDatabase(source / "lineal.db", new)) as old:
            _take_tables(old, new, done, progress)
        new.execute("BEGIN IMMEDIATE")
        records = records_of_messages(on_topic, _marks(new, mark_secrets))
        done.records_put_back = _put_back(new, CheckpointFiles(checkpoints), records)
        rebuild_index(new)
        rebuild(new, lambda left_out: done.steps_left_out.append(str(left_out)))
        new.execute("COMMIT")
        done.records_lost = _missing_records(new, CheckpointFiles(checkpoints))
    _take_objects(source, target, done, progress)
    for name in ("log.key", "api-token"):
        if (source / name).is_file():
            shutil.copy2(source / name, target / name)
    if (source / "keys").is_dir():
        shutil.copytree(source / "keys", target / "keys", dirs_exist_ok=True)
    if checkpoints.is_dir():
        shutil.copytree(checkpoints, target / "checkpoints", dirs_exist_ok=True)
    return done


def _take_tables(
    old: DamagedDatabase, new: SqliteConnection, done: SalvageResult, progress: Progress
) -> None:
    rebuilt = {
        table.name
        for projection in installed_projections()
        if projection.apply is not None
        for table in projection.tables
        if table.from_records
    }
    tables = [
        name
        for (name, sql) in new.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        if name not in rebuilt and name not in _DERIVED and not _is_part_of_index(name, sql)
    ]
    for number, table in enumerate(tables, 1):
        stored, columns, rows = _stored_rows(old, new, table)
        found, taken = _insert(new, table, columns, _with_digest(table, columns, rows))
        done.rows[table] = taken
        if stored in old.damage.tables and not taken:
            done.tables_lost.append(table)
        elif stored in old.damage.tables or taken < found:
            done.tables_incomplete.append(table)
        progress("tables", number, len(tables))
    done.pages_lost = old.damage.pages
    done.pages_unassigned = sorted(old.damage.unassigned)
    done.database_missing = old.is_empty


def _stored_rows(
    old: DamagedDatabase, new: SqliteConnection, table: str
) -> tuple[str, list[str], Iterator[Row]]:
    """The table of the old database that has the rows, their columns, and the rows."""
    if table == _TEXTS:  # a virtual one, which keeps its texts in another
        return f"{table}_content", ["rowid", "text"], old.rows(f"{table}_content")
    former, renamed = _FORMER_NAMES.get(table, (table, {}))
    stored = former if old.columns(former) and not old.columns(table) else table
    now = {before: after for after, before in renamed.items()} if stored == former else {}
    names = [now.get(name, name) for name in old.columns(stored)]
    known = {row[1] for row in new.execute(f"PRAGMA table_info({table})")}
    if known.issuperset(names):
        return stored, names, old.rows(stored)
    kept = [number for number, name in enumerate(names) if name in known]
    rows = (tuple(row[number] for number in kept) for row in old.rows(stored))
    return stored, [names[number] for number in kept], rows


def _is_part_of_index(name: str, sql: str | None) -> bool:
    """What FTS5 keeps is written by inserting texts."""
    return name.startswith(f"{_TEXTS}_") or sql is None


def _insert(
    new: SqliteConnection, table: str, columns: list[str], rows: Iterator[Row]
) -> tuple[int, int]:
    """Returns how many rows there were, and how many could be taken."""
    insert = (
        f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) "
        f"VALUES ({', '.join('?' * len(columns))})"
    )
    found = taken = 0
    new.execute("BEGIN IMMEDIATE")
    for row in rows:
        found += 1
        with contextlib.suppress(sqlite3.IntegrityError):  # garbage that no row can be
            taken += new.execute(insert, row).rowcount
    new.execute("COMMIT")
    return found, taken


def _with_digest(table: str, columns: list[str], rows: Iterator[Row]) -> Iterator[Row]:
    """Rows without those that are not what their digests say."""
    if table == "ledger":
        digest, content = columns.index("digest"), columns.index("record")
        return (row for row in rows if _is_record(row[digest], row[content]))
    if table == "objects":
        digest, content = columns.index("sha256"), columns.index("data")
        return (row for row in rows if _is_object(row[digest], row[content]))
    return rows


def _is_record(digest: object, stored: object) -> bool:
    try:
        return isinstance(stored, bytes) and sha256(stored_bytes(stored)).digest() == digest
    except StoreDamaged:
        return False


def _is_object(digest: object, data: object) -> bool:
    return isinstance(data, bytes) and sha256(data).digest() == digest


def _marks(new: SqliteConnection, secrets_set: str | None) -> Marks | None:
    keys = keys_of(secrets_set) if secrets_set else stored_keys(new)
    return Marks(keys) if keys else None


def _put_back(
    new: SqliteConnection, files: CheckpointFiles, on_topic: Sequence[bytes]
) -> list[int]:
    """Records of the topic in the place of those that are missing."""
    if not on_topic:
        return []
    lost = set(_missing_records(new, files))
    known = {bytes(digest): seq for seq, digest in new.execute("SELECT seq, digest FROM ledger")}
    leaves = _leaves_of(new, lost)
    for canonical in on_topic:
        digest = sha256(canonical).digest()
        if (number := leaves.get(record_leaf(digest))) is not None:
            known[digest] = number
    last = max(known.values(), default=0)
    lost.update(range(last + 1, last + 1 + len(on_topic)))  # what no checkpoint has covered yet
    found = find_lost_records(lost, known, on_topic)
    for number, canonical in sorted(found.items()):
        put_record(new, number, canonical)
    return sorted(found)


def _leaves_of(new: SqliteConnection, numbers: Iterable[int]) -> dict[bytes, int]:
    """Numbers of records by their leaves in the log's tree."""
    tree = TiledTree(tile_source(new))
    leaves = {}
    for number in numbers:
        with contextlib.suppress(LookupError, ValueError):
            leaves[tree.leaf(number - 1)] = number
    return leaves


def _missing_records(new: SqliteConnection, files: CheckpointFiles) -> list[int]:
    numbers = {seq for (seq,) in new.execute("SELECT seq FROM ledger")}
    signed = max((item.size for item in files.kept()), default=0)
    return [seq for seq in range(1, max(signed, *numbers, 0) + 1) if seq not in numbers]


def _take_objects(source: Path, target: Path, done: SalvageResult, progress: Progress) -> None:
    files = FileBlobs(source, source / "run", "salvage")
    digests = sorted(files.stored())
    for number, digest in enumerate(digests, 1):
        found = sha256()
        copy = target / "objects" / digest[:2] / digest[2:]
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with copy.open("wb") as written:
                for chunk in files.chunks(digest):
                    found.update(chunk)
                    written.write(chunk)
        except (BlobMissing, OSError):
            found = sha256()
        if found.hexdigest() != digest:
            copy.unlink(missing_ok=True)
            done.objects_lost.append(digest)
        else:
            copy.chmod(0o400)
            done.objects += 1
        progress("objects", number, len(digests))
