"""Makes a data folder of a backup."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

from lineal.backup.manifest import (
    CHECKPOINTS,
    KEYS,
    OBJECTS,
    MalformedBackup,
    Manifest,
    listed_objects,
)
from lineal.errors import LinealError
from lineal.store.blobs import Blobs, FileBlobs
from lineal.store.private import make_private, make_private_file

Progress = Callable[[str, int, int], None]


class FolderExists(LinealError):
    """What is restored is put into a new folder, and there is one."""


@contextlib.contextmanager
def restored_folder(
    source: Path,
    manifest: Manifest,
    data: Path,
    progress: Progress = lambda what, done, total: None,
) -> Iterator[Path]:
    """Copy a backup into a data folder that is made; verify it before.

    Yields the folder under another name, for what has to be done before it counts as restored: it
    gets its own when the block ends. Where that fails, nothing is left of it.

    Raises:
        MalformedBackup: the source is not whole.
        FolderExists: the data folder is there and not empty.
        OSError: something cannot be read or written.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise FolderExists(f"{data} is there already: name a new folder, or move it away")
    data.parent.mkdir(parents=True, exist_ok=True)
    growing = data.with_name(f".{data.name}.{uuid4().hex[:8]}")
    make_private(growing)
    try:
        try:
            _fill(source, manifest, growing, progress)
        except FileNotFoundError as error:
            raise MalformedBackup(f"{error.filename} is missing in the backup") from error
        yield growing
        if data.exists():
            data.rmdir()
        growing.rename(data)
    finally:
        shutil.rmtree(growing, ignore_errors=True)


async def send_objects(
    data: Path, blobs: Blobs, progress: Progress = lambda what, done, total: None
) -> int:
    """Bring the objects of a restored data folder to where the settings have them, as a bucket;
    those that are there already stay as they are. Returns how many there are.

    The folder's copies go when all are there.

    Raises:
        StoreUnavailable: they cannot be stored there now.
    """
    files = FileBlobs(data, data / "run", "restore")
    digests = sorted(files.stored())
    for done, digest in enumerate(digests, 1):
        if not await blobs.exists(digest):
            with (await files.path(digest)).open("rb") as content:
                await blobs.put_stream(content)
        progress("objects elsewhere", done, len(digests))
    shutil.rmtree(data / OBJECTS, ignore_errors=True)
    return len(digests)


def _fill(source: Path, manifest: Manifest, data: Path, progress: Progress) -> None:
    make_private_file(data / "lineal.db")
    _copy(source / manifest.database.file, data / "lineal.db")
    progress("database", 1, 1)
    objects = listed_objects(source, manifest)
    for done, digest in enumerate(objects, 1):
        file = data / OBJECTS / digest[:2] / digest[2:]
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(source / OBJECTS / digest[:2] / digest[2:], file)
        file.chmod(0o400)
        progress("objects", done, len(objects))
    if (source / CHECKPOINTS).is_dir():
        shutil.copytree(source / CHECKPOINTS, data / CHECKPOINTS)
    for part in manifest.keys:
        file = data / Path(part.file).relative_to(KEYS)
        make_private(file.parent)
        make_private_file(file)
        _copy(source / part.file, file)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        shutil.copyfileobj(read, written, 1 << 20)
        written.flush()
        os.fsync(written.fileno())
