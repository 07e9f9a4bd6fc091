"""A folder tree as a source."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal_producers.arrival import Arrival, readable_name, store
from lineal_producers.folder.walk import walk
from lineal_producers.quota.usage import QuotaExceeded, check_quota
from lineal_producers.regular_files import FileDeleted, Unreadable, open_regular
from lineal_producers.sync.announcement import announce_file
from lineal_producers.sync.comparison import FoundFile, SourceDeleted, version_of
from lineal_producers.sync.metadata import (
    MAX_BYTES,
    NO_METADATA,
    SUFFIX,
    SourceMetadata,
    read_metadata,
)
from lineal_producers.sync.settings import Deleted
from lineal_schemas.objects import ObjectRef

_BATCH_SIZE = 500


class FolderMissing(LinealError, OSError):
    """The folder is not there, or cannot be read."""


class FolderTree:
    """The files below a folder. Files are noted by their path, quoted as in a URI: any bytes may be
    in a name. Hidden and temporary files are left out, as by the folder watch, and the data folder.

    Raises:
        FolderMissing: see there.
    """

    prefix = ""
    actor = "process:sync"

    def __init__(self, runtime: Runtime, root: Path) -> None:
        self._runtime = runtime
        self._root = root.resolve()
        if not self._root.is_dir():
            raise FolderMissing(f"{root} is not a folder: make or mount it")
        self.bucket = self._root.as_uri()

    async def files(self) -> AsyncIterator[FoundFile]:
        try:
            os.scandir(self._root).close()  # raises if it cannot be read; a walk leaves that out
        except OSError as error:
            raise FolderMissing(f"{self._root} cannot be read: {error.strerror}") from error
        found = walk(self._root, leave_out=self._runtime.settings.data.resolve())
        while batch := await asyncio.to_thread(lambda: list(islice(found, _BATCH_SIZE))):
            for path, status in batch:
                name = quote(os.fsencode(path.relative_to(self._root)))
                yield FoundFile(name, self.path(name), _version(status))

    def uri(self, name: str) -> str:
        return f"{self.bucket}/{name}"

    def path(self, name: str) -> str:
        return readable_name(os.fsdecode(unquote_to_bytes(name)))

    async def is_deleted(self, name: str) -> bool:
        try:
            await asyncio.to_thread(os.lstat, self._file(name))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # a folder that cannot be entered at present says nothing
        return False

    async def ingest(self, name: str, *, has_metadata: bool, deleted: Deleted) -> Arrival:
        metadata, beside = NO_METADATA, None
        if has_metadata:
            metadata, beside = await asyncio.to_thread(self._metadata, name)
        content, problem = None, None
        try:
            version, content = await self._store(name, metadata.owner)
        except FileDeleted as error:
            raise SourceDeleted(str(error)) from error
        except (Unreadable, QuotaExceeded) as error:
            version, problem = (
                _version(await asyncio.to_thread(os.lstat, self._file(name))),
                str(error),
            )
        return await announce_file(
            self._runtime,
            bucket=self.bucket,
            name=name,
            source=self.uri(name),
            file_name=self._file(name).name,
            version=version_of(version, beside),
            actor=self.actor,
            metadata=metadata,
            content=content,
            problem=problem,
            deleted=deleted,
        )

    async def _store(self, name: str, owner: str | None) -> tuple[str, ObjectRef]:
        """The version is that from before it was read: a file that changes meanwhile has another
        one by the next time."""
        with await asyncio.to_thread(
            lambda: open_regular(self._file(name), within=self._root)
        ) as file:
            version = _version(os.fstat(file.fileno()))
            await check_quota(self._runtime, owner, os.fstat(file.fileno()).st_size)
            return version, await store(self._runtime, file)

    def _metadata(self, name: str) -> tuple[SourceMetadata, str | None]:
        path = self._root / os.fsdecode(unquote_to_bytes(name + SUFFIX))
        try:
            with open_regular(path, within=self._root) as file:
                version, data = _version(os.fstat(file.fileno())), file.read(MAX_BYTES + 1)
        except FileDeleted:
            return NO_METADATA, None
        except Unreadable:
            return read_metadata(b"", self.uri(name)), "unreadable"
        return read_metadata(data, self.uri(name)), version

    def _file(self, name: str) -> Path:
        return self._root / os.fsdecode(unquote_to_bytes(name))


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}"
