"""Ingests one object of a bucket, once for each of its versions."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tempfile
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, NamedTuple, cast
from urllib.parse import quote

from botocore.exceptions import ClientError

from lineal.errors import LinealError, StoreUnavailable
from lineal.runtime import Runtime
from lineal.store.s3 import AWAY
from lineal_producers.arrival import Arrival, store
from lineal_producers.sync.announcement import announce_file
from lineal_producers.sync.comparison import version_of
from lineal_producers.sync.metadata import NO_METADATA, SUFFIX, SourceMetadata, read_metadata

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_CHUNK = 1 << 20
ACTOR = "process:s3"
_IN_MEMORY = 8 << 20


class ObjectDeleted(LinealError, LookupError):
    """The object is not in the bucket any more."""


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
    client: Any, runtime: Runtime, found: S3Object, *, has_metadata: bool = True
) -> Arrival:
    """Take an object in, with the metadata beside it, and note its version as taken. The same
    version again is the same event.

    Args:
        has_metadata: whether there may be ``KEY.metadata.json``.

    Raises:
        ObjectDeleted: it is not there any more.
        StoreUnavailable: S3 cannot be reached, or refuses.
    """
    metadata, beside = NO_METADATA, None
    if has_metadata:
        metadata, beside = await _metadata(client, found)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(runtime.settings.data)) as spool:
        version = await _download(client, found, spool)
        await asyncio.to_thread(spool.seek, 0)
        content = await store(runtime, cast("BinaryIO", spool))
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


@contextlib.contextmanager
def errors(what: str) -> Iterator[None]:
    """Turn S3's errors into ours.

    Raises:
        ObjectDeleted, StoreUnavailable
    """
    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        if str(told.get("Code")) in _MISSING:
            raise ObjectDeleted(f"{what} is not there") from error
        raise StoreUnavailable(f"{what}: {told.get('Code')}: {told.get('Message')}") from error
    except AWAY as error:
        raise StoreUnavailable(f"{what}: {error}") from error
