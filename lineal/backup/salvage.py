"""Takes what can still be read of a damaged data folder into a new one, and says what was lost.

Records and objects are taken if they have their digests. The ledger's index and the tables of
projections are made again from the records.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from lineal.backup.restore import FolderExists
from lineal.lineage.ledger import record_keys, stored_bytes
from lineal.lineage.projections import installed_projections
from lineal.lineage.rebuild import rebuild
from lineal.proof.files import CheckpointFiles
from lineal.proof.record_pass import read_records
from lineal.store.blobs import BlobMissing, FileBlobs
from lineal.store.damaged_rows import Row, columns_of, readable_rows
from lineal.store.key_index import add_entries, index_entries
from lineal.store.private import make_private, make_private_file
from lineal.store.sqlite import SqliteConnection, connect, connect_read_only
from lineal.store.tables import create_tables

Progress = Callable[[str, int, int], None]

_DERIVED = ("ledger_index", "sqlite_sequence")
_BUSY_SECONDS = 10.0
_BATCH_SIZE = 1000


@dataclass(slots=True)
class SalvageResult:
    """What was taken, and what was not."""

    rows: dict[str, int] = field(default_factory=dict)
    """By table."""
    records_lost: list[int] = field(default_factory=list)
    """Their numbers."""
    objects: int = 0
    """Large ones."""
    objects_lost: list[str] = field(default_factory=list)
    """Large ones that are not what their digests say."""
    tables_lost: list[str] = field(default_factory=list)
    """Of which nothing could be read."""


def salvage(
    source: Path,
    checkpoints: Path,
    target: Path,
    progress: Progress = lambda what, done, total: None,
) -> SalvageResult:
    """Take what can be read into a new data folder.

    Args:
        checkpoints: of the log, which say how many records there were.

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
        with contextlib.closing(
            connect_read_only(source / "lineal.db", busy_seconds=_BUSY_SECONDS)
        ) as old:
            _take_tables(old, new, done, progress)
        new.execute("BEGIN IMMEDIATE")
        for seq, _, record in read_records(new):
            add_entries(new, index_entries(record_keys(record), seq))
        rebuild(new)
        new.execute("COMMIT")
        done.records_lost = _missing_records(new, CheckpointFiles(checkpoints))
    _take_objects(source, target, done, progress)
    for name in ("log.key", "api-token"):
        if (source / name).is_file():
            shutil.copy2(source / name, target / name)
    if checkpoints.is_dir():
        shutil.copytree(checkpoints, target / "checkpoints", dirs_exist_ok=True)
    return done


def _take_tables(
    old: SqliteConnection, new: SqliteConnection, done: SalvageResult, progress: Progress
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
        columns, key = columns_of(new, table)
        rows = _with_digest(table, readable_rows(old, table, columns, key))
        if table == "search_text":
            columns, rows = ["rowid", "text"], readable_rows(old, table, ["rowid", "text"], [])
        count = _insert(new, table, columns, rows)
        done.rows[table] = count
        if not count and not _is_empty(old, table):
            done.tables_lost.append(table)
        progress("tables", number, len(tables))


def _is_part_of_index(name: str, sql: str | None) -> bool:
    """What FTS5 keeps is written by inserting texts."""
    return name.startswith("search_text_") or sql is None


def _insert(new: SqliteConnection, table: str, columns: list[str], rows: Iterator[Row]) -> int:
    head = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) "
    count = 0
    new.execute("BEGIN IMMEDIATE")
    for row in rows:
        with contextlib.suppress(sqlite3.IntegrityError):  # garbage that no row can be
            new.execute(f"{head} VALUES ({', '.join('?' * len(columns))})", row)
            count += 1
    new.execute("COMMIT")
    return count


def _with_digest(table: str, rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        if table == "ledger" and not _is_record(row):
            continue
        if table == "objects" and not _is_object(row):
            continue
        yield row


def _is_record(row: Row) -> bool:
    try:
        return bool(sha256(stored_bytes(bytes(row[3]))).digest() == row[2])
    except (zlib.error, LookupError, TypeError):
        return False


def _is_object(row: Row) -> bool:
    return isinstance(row[1], bytes) and sha256(row[1]).digest() == row[0]


def _is_empty(old: SqliteConnection, table: str) -> bool:
    try:
        return old.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None
    except Exception:  # whatever it is: it cannot be read
        return False


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
