"""Compares a source with what was ingested of it: takes what is new or modified, and announces what
was deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal_producers.arrival import Arrival
from lineal_producers.sync.announcement import announce_deletion
from lineal_producers.sync.metadata import SUFFIX
from lineal_producers.sync.patterns import Patterns
from lineal_producers.sync.settings import Deleted
from lineal_producers.sync.synced_files import SyncedFile, prepare, synced_files

_MAX_CONCURRENT = 8


class SourceEmpty(LinealError):
    """Nothing is left of a source: perhaps it is only not mounted."""


class SourceDeleted(LinealError, LookupError):
    """A file is not in its source any more."""


class FoundFile(NamedTuple):
    """A file of a source."""

    name: str
    """By which it is noted."""
    path: str
    """Below the source's beginning; what patterns are compared with."""
    version: str


class Source(Protocol):
    """What is compared: a part of a bucket, or a folder tree."""

    bucket: str
    """A bucket, or the URI of a folder."""
    prefix: str
    actor: str

    def files(self) -> AsyncIterator[FoundFile]:
        """All files that are there."""
        ...

    def uri(self, name: str) -> str:
        """Of a file, as its arrivals give it."""
        ...

    def path(self, name: str) -> str:
        """See :class:`FoundFile`."""
        ...

    async def is_deleted(self, name: str) -> bool:
        """Whether a file that was not found is really not there."""
        ...

    async def ingest(self, name: str, *, has_metadata: bool, deleted: Deleted) -> Arrival:
        """Announce a file.

        Args:
            deleted: what becomes of another document that was there before.

        Raises:
            SourceDeleted: it is not there any more.
        """
        ...


@dataclass(slots=True)
class SyncResult:
    """What a sync did, in files."""

    ingested: int = 0
    unchanged: int = 0
    left_out: int = 0
    gone: int = 0
    """Deleted between being listed and being taken."""
    deleted: int = 0
    """Deleted since they were ingested."""


async def synchronise(
    source: Source,
    runtime: Runtime,
    patterns: Patterns,
    *,
    full: bool = False,
    deleted: Deleted = "mark",
    allow_empty: bool = False,
    on_arrival: Callable[[Arrival], None] = lambda _: None,
) -> SyncResult:
    """Ingest the files of a source. After an interruption the next run continues: every file is
    noted when it is announced.

    Args:
        full: also those whose present version was ingested before. They arrive under the same ids
            as then, so nothing is registered twice.
        allow_empty: whether everything may have been deleted.

    Raises:
        SourceEmpty: it has no files any more, and that is not allowed.
        StoreUnavailable, OSError: the source cannot be read.
    """
    await prepare(runtime)
    noted = await synced_files(runtime, source.bucket, source.prefix)
    found = {file.name: file async for file in source.files()}
    result = SyncResult()
    limit = asyncio.Semaphore(_MAX_CONCURRENT)

    async def ingest(file: FoundFile) -> None:
        try:
            has_metadata = file.name + SUFFIX in found
            on_arrival(await source.ingest(file.name, has_metadata=has_metadata, deleted=deleted))
        except SourceDeleted:
            result.gone += 1
        else:
            result.ingested += 1
        finally:
            limit.release()

    try:
        async with asyncio.TaskGroup() as group:
            for file in found.values():
                if _is_no_file(file.name, found) or not patterns.take(file.path):
                    result.left_out += 1
                    continue
                metadata = found.get(file.name + SUFFIX)
                known = noted.get(file.name)
                version = version_of(file.version, metadata and metadata.version)
                if not full and known is not None and known.version == version:
                    result.unchanged += 1
                    continue
                await limit.acquire()
                group.create_task(ingest(file))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    if deleted != "ignore":
        missing = {
            name: item
            for name, item in noted.items()
            if name not in found and not item.deleted and patterns.take(source.path(name))
        }
        if missing and not found and not allow_empty:
            raise SourceEmpty(
                f"nothing is left of {source.uri(source.prefix)}: if so, run it with --allow-empty"
            )
        for name, item in missing.items():
            if await source.is_deleted(name):
                await _delete(source, runtime, name, item, hides=deleted == "hide")
                result.deleted += 1
    return result


def version_of(version: str, metadata: str | None) -> str:
    """The version of a file with its metadata: another for other metadata."""
    return version if metadata is None else f"{version}+{metadata}"


def _is_no_file(name: str, found: dict[str, FoundFile]) -> bool:
    """Whether it is metadata, or what consoles make to show an empty folder of a bucket."""
    return name.endswith("/") or (name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in found)


async def _delete(
    source: Source, runtime: Runtime, name: str, noted: SyncedFile, *, hides: bool
) -> None:
    if noted.document_id is None:
        return  # ingested by an earlier lineal, which did not note its document
    await announce_deletion(
        runtime,
        bucket=source.bucket,
        name=name,
        source=source.uri(name),
        noted=noted,
        actor=source.actor,
        hides=hides,
    )
