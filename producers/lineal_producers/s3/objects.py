"""Ingests one object of a bucket, once for each of its versions."""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
from typing import IO, Any, BinaryIO, NamedTuple, cast
from urllib.parse import quote

from lineal.runtime import Runtime
from lineal_producers.arrival import Arrival, store
from lineal_producers.quota.usage import quota_problem
from lineal_producers.s3.access_lists import AccessLists
from lineal_producers.s3.errors import ObjectDeleted, errors
from lineal_producers.sync.announcement import announce_file
from lineal_producers.sync.comparison import version_of
from lineal_producers.sync.metadata import NO_METADATA, SUFFIX, SourceMetadata, read_metadata
from lineal_producers.sync.settings import Deleted

_CHUNK = 1 << 20
ACTOR = "process:s3"
_IN_MEMORY = 8 << 20


class S3Object(NamedTuple):
    """One state of an object."""

    bucket: str
    key: str
    version: str
    """The ETag: another for other bytes."""
    version_id: str | None = None
    """Which version to read, in a bucket that has them; None: the newest."""

    @property
    def source(self) -> str:
        """Its URI."""
        return f"s3://{self.bucket}/{quote(self.key)}"


def is_folder(key: str) -> bool:
    """Whether a key is what consoles make to show an empty folder."""
    return key.endswith("/")


async def take(
    client: Any,
    runtime: Runtime,
    found: S3Object,
    *,
    has_metadata: bool = True,
    deleted: Deleted = "mark",
    access_lists: AccessLists | None = None,
) -> Arrival:
    """Take an object in, with the metadata beside it, and note its version as taken. The same
    version again is the same event.

    Args:
        has_metadata: whether there may be ``KEY.metadata.json``.
        deleted: what becomes of another document that was there before.
        access_lists: how the object's own access list is read; None: it is not. Readers that the
            metadata beside it names go before.

    Raises:
        ObjectDeleted: it is not there any more.
        StoreUnavailable: S3 cannot be reached, or refuses.
    """
    metadata, beside = NO_METADATA, None
    if has_metadata:
        metadata, beside = await _metadata(client, found)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(runtime.settings.data)) as spool:
        version = await _download(client, found, spool)
        size = await asyncio.to_thread(spool.seek, 0, os.SEEK_END)
        await asyncio.to_thread(spool.seek, 0)
        problem = await quota_problem(runtime, metadata.owner, size)
        content = None if problem else await store(runtime, cast("BinaryIO", spool))
    if access_lists is not None:
        (grants,) = (await access_lists.of_objects(client, found.bucket, [found.key])).values()
        version += grants.digest
        if metadata.readers is None:
            metadata = metadata.model_copy(update={"readers": grants.readers})
    return await announce_file(
        runtime,
        bucket=found.bucket,
        name=found.key,
        source=found.source,
        file_name=found.key.rpartition("/")[2],
        version=version_of(version, beside),
        actor=ACTOR,
        metadata=metadata,
        content=content,
        problem=problem,
        deleted=deleted,
    )


async def _metadata(client: Any, found: S3Object) -> tuple[SourceMetadata, str | None]:
    """What stands beside an object about it, and its version."""
    beside = S3Object(found.bucket, found.key + SUFFIX, "")
    data = io.BytesIO()
    try:
        version = await _download(client, beside, data)
    except ObjectDeleted:
        return NO_METADATA, None
    return read_metadata(data.getvalue(), found.source), version


async def _download(client: Any, found: S3Object, sink: IO[bytes]) -> str:
    """Returns the version that was downloaded, which may be newer than the one that was listed."""
    wanted = {} if found.version_id is None else {"VersionId": found.version_id}
    with errors(found.source):
        answer = await client.get_object(Bucket=found.bucket, Key=found.key, **wanted)
        async with answer["Body"] as stream:
            while chunk := await stream.read(_CHUNK):
                await asyncio.to_thread(sink.write, chunk)
    return str(answer["ETag"]).strip('"')
