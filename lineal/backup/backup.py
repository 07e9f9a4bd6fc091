"""Makes a backup: the database first, then the objects, so that all it names are there.

A backup goes on from the one before: objects that are there already are not copied again. Nothing
of the former is removed before the new manifest is written, so one that was interrupted leaves the
former as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import structlog

from lineal.backup.manifest import (
    CHECKPOINTS,
    KEYS,
    LIST,
    OBJECTS,
    MalformedBackup,
    Manifest,
    Part,
    part_of,
    read_manifest,
    write_manifest,
)
from lineal.errors import LinealError, ObjectCorrupt
from lineal.proof.files import NEWEST, CheckpointFiles, write_durably
from lineal.proof.log_tables import LogRow, last_record, read_log
from lineal.proof.verification import LargeObjects
from lineal.settings import Settings
from lineal.store.blobs import BlobMissing
from lineal.store.database import Database
from lineal.store.private import make_private, make_private_file
from lineal.store.sqlite import connect, connect_read_only
from lineal.store.sqlite_errors import errors_translated
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with what is copied, how much of it is done, and of how much."""

_PAGES = 4096
"""Copied at once."""
_BUSY_SECONDS = 60.0
_SECRETS = ("log.key", "api-token", "keys")
"""In the data folder: files, or folders of them."""


def make_backup(
    settings: Settings,
    objects: LargeObjects,
    target: Path,
    progress: Progress = lambda what, done, total: None,
    *,
    with_keys: bool = False,
) -> Manifest:
    """Copy a data folder into a backup, while others work on it.

    Args:
        objects: the large ones of the data folder.
        target: a folder that is empty, or has an earlier backup of the same data.
        with_keys: whether private keys and tokens are in it, too. Else whoever restores it needs
            the key of the log from elsewhere.

    Raises:
        MalformedBackup: the target holds something else, or a backup of other data.
        StoreUnavailable, StoreDamaged: the database cannot be read.
        ObjectCorrupt: an object is not what its digest says.
        OSError: something cannot be read or written.
    """
    made = now_us()
    former = _former(target)
    make_private(target)
    database = f"database-{uuid4().hex[:12]}.db"
    try:
        if settings.store == "sqlite:":
            _copy_database(settings, target / database, progress, with_keys=with_keys)
            records, signed, log_keys = _signed_copy(settings, target, database, former)
            dump = None
        else:
            # Before the store: it has what they sign, and perhaps more.
            _copy_checkpoints(settings, target, None)
            records, signed, log_keys = _shared_ledger(settings, target, former)
            _copy_database(settings, target / database, progress, with_keys=with_keys)
            dump = _dump_store(settings, target, progress, with_keys=with_keys)
        listed = _copy_objects(objects, target, progress)
        keys = _copy_keys(settings, target) if with_keys else ()
        _write_list(target / f"{LIST}.{database}", listed)
        manifest = Manifest(
            made=made,
            lineal=version("lineal"),
            database=part_of(target, database),
            store=dump,
            objects=part_of(target, f"{LIST}.{database}"),
            records=records,
            signed=signed,
            log_keys=log_keys,
            keys=keys,
        )
        write_manifest(target, manifest)
    except BaseException:
        for name in (database, f"{LIST}.{database}"):
            (target / name).unlink(missing_ok=True)
        raise
    _remove_former(target, manifest, listed)
    return manifest


def _former(target: Path) -> Manifest | None:
    """The backup that is there already."""
    if not target.exists() or not any(target.iterdir()):
        return None
    with contextlib.suppress(MalformedBackup):
        return read_manifest(target)
    if any(path.name.startswith("database-") or path.name == OBJECTS for path in target.iterdir()):
        return None  # one that was interrupted
    raise MalformedBackup(f"{target} holds something else: name an empty folder, or a backup")


def _copy_database(settings: Settings, copy: Path, progress: Progress, *, with_keys: bool) -> None:
    """One state of the database, as a file that needs no others beside it."""
    make_private_file(copy)
    with (
        contextlib.closing(
            connect_read_only(settings.data / "lineal.db", busy_seconds=_BUSY_SECONDS)
        ) as source,
        contextlib.closing(connect(copy, "normal")) as target,
    ):
        # In a transaction the source stays as it is, whoever writes meanwhile.
        source.execute("BEGIN")
        source.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        with errors_translated():
            source.backup(
                target,
                pages=_PAGES,
                progress=lambda status, left, total: progress("database", total - left, total),
            )
        target.execute("PRAGMA secure_delete = ON")
        for table in _without(with_keys=with_keys):
            target.execute(f"DELETE FROM {table}")
        # Nobody of those who worked on the original works on the copy.
        target.execute("UPDATE ledger_log SET owner = NULL, lease_until = 0")
        target.execute("PRAGMA journal_mode = DELETE")


def _without(*, with_keys: bool) -> tuple[str, ...]:
    """Tables whose rows are not in a backup."""
    return ("sessions",) if with_keys else ("sessions", "mark_keys")


def _dump_store(settings: Settings, target: Path, progress: Progress, *, with_keys: bool) -> Part:
    from lineal.backup.postgres import dump

    name = f"store-{uuid4().hex[:12]}.dump"
    progress("store", 0, 1)
    dump(settings.store, target / name, without=_without(with_keys=with_keys))
    progress("store", 1, 1)
    return part_of(target, name)


def _signed_copy(
    settings: Settings, target: Path, database: str, former: Manifest | None
) -> tuple[int, int, tuple[str, ...]]:
    """Sign what the copy has and no daemon had signed yet, and put its checkpoints beside it.

    The tree of the copy is a beginning of the one that the daemons sign: the checkpoints of both
    are consistent.

    Returns:
        How many records it has, how many are signed, and the verifier keys of the log.
    """
    files = CheckpointFiles(target / CHECKPOINTS)
    if settings.log.enabled and settings.log.key_file(settings.data).exists():
        try:
            asyncio.run(_sign(settings, target, database))
        except LinealError as error:
            log.warning("backup.not_signed", error=str(error))
    with contextlib.closing(
        connect_read_only(target / database, busy_seconds=_BUSY_SECONDS)
    ) as copy:
        records = last_record(copy)
        row = read_log(copy)
        size, known = _log_of(row, target, former)
        _copy_checkpoints(settings, target, size)
        if row is not None and row.checkpoint is not None:
            files.put(row.checkpoint, size, keep=False)
    return records, size, known


def _shared_ledger(
    settings: Settings, target: Path, former: Manifest | None
) -> tuple[int, int, tuple[str, ...]]:
    """The same of a store in Postgres, whose dump has these records at least."""
    from lineal.backup.postgres import ledger_of

    records, row = ledger_of(settings.store)
    return records, *_log_of(row, target, former)


def _log_of(
    row: LogRow | None, target: Path, former: Manifest | None
) -> tuple[int, tuple[str, ...]]:
    """How many records a log covers, and its verifier keys."""
    known = tuple(row.keys.split()) if row is not None else ()
    if former is not None and former.log_keys and known[:1] != former.log_keys[:1]:
        raise MalformedBackup(f"{target} holds a backup of other data: name another folder")
    return 0 if row is None else row.size, known


async def _sign(settings: Settings, target: Path, database: str) -> None:
    from lineal.proof.writer import sign_behind

    staged = target / f".{database}"
    make_private(staged)
    try:
        (target / database).rename(staged / "lineal.db")
        # What the former backup has outside may be signed at any place in between.
        given = settings.log.model_copy(
            update={
                "key": settings.log.key_file(settings.data).absolute(),
                "checkpoints": staged / CHECKPOINTS,
            }
        )
        opened = Database(staged, durability="normal")
        opened.open()
        try:
            await sign_behind(opened, given, staged)
        finally:
            await opened.close()
        with contextlib.closing(connect(staged / "lineal.db", "full")) as copy:
            copy.execute("UPDATE ledger_log SET owner = NULL, lease_until = 0")
            copy.execute("PRAGMA journal_mode = DELETE")
        (staged / "lineal.db").rename(target / database)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _copy_checkpoints(settings: Settings, target: Path, size: int | None) -> None:
    """Those that were kept, up to a size."""
    source = CheckpointFiles(settings.log.checkpoint_folder(settings.data))
    copy = target / CHECKPOINTS
    make_private(copy)
    for item in source.kept():
        if (size is None or item.size <= size) and not (copy / item.path.name).exists():
            with contextlib.suppress(FileNotFoundError):  # swept just now
                write_durably(copy / item.path.name, item.path.read_bytes())
    if size is None and (newest := source.newest()) is not None:
        write_durably(copy / NEWEST, newest)


def _copy_objects(objects: LargeObjects, target: Path, progress: Progress) -> dict[str, int]:
    folder = target / OBJECTS
    make_private(folder)
    digests = sorted(objects.stored())
    listed: dict[str, int] = {}
    for done, digest in enumerate(digests, 1):
        file = folder / digest[:2] / digest[2:]
        if not file.exists():
            try:
                _copy_object(objects.chunks(digest), digest, file)
            except BlobMissing:
                continue  # erased since it was listed
        listed[digest] = file.stat().st_size
        progress("objects", done, len(digests))
    return listed


def _copy_object(chunks: Iterator[bytes], digest: str, file: Path) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    found = sha256()
    temporary = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    try:
        with temporary.open("xb") as opened:
            for chunk in chunks:
                found.update(chunk)
                opened.write(chunk)
            opened.flush()
            os.fsync(opened.fileno())
        if found.hexdigest() != digest:
            raise ObjectCorrupt(digest)
        temporary.chmod(0o400)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _copy_keys(settings: Settings, target: Path) -> tuple[Part, ...]:
    folder = target / KEYS
    make_private(folder)
    found: list[Path] = [settings.log.key_file(settings.data)]
    for name in _SECRETS[1:]:
        path = settings.data / name
        found += sorted(path.rglob("*")) if path.is_dir() else [path]
    parts = []
    for path in found:
        if not path.is_file():
            continue
        inside = path.is_relative_to(settings.data)
        copy = folder / (path.relative_to(settings.data) if inside else Path("log.key"))
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private_file(copy)
        copy.write_bytes(path.read_bytes())
        parts.append(part_of(target, str(copy.relative_to(target))))
    return tuple(parts)


def _write_list(file: Path, listed: dict[str, int]) -> None:
    write_durably(file, "".join(f"{name} {size}\n" for name, size in listed.items()).encode())


def _remove_former(target: Path, manifest: Manifest, listed: dict[str, int]) -> None:
    """Remove what only earlier backups had: what was erased since is gone here, too."""
    kept = {manifest.database.file, manifest.objects.file}
    if manifest.store is not None:
        kept.add(manifest.store.file)
    for path in target.iterdir():
        if path.name.startswith(("database-", f"{LIST}.", "store-")) and path.name not in kept:
            path.unlink()
        elif path.name.startswith(".database-"):
            shutil.rmtree(path, ignore_errors=True)
    for copied in (target / OBJECTS).rglob("*"):
        if copied.is_file() and copied.parent.name + copied.name not in listed:
            copied.unlink()
    if not manifest.keys:
        shutil.rmtree(target / KEYS, ignore_errors=True)
