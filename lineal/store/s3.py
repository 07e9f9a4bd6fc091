"""Large objects in an S3 bucket, with a local cache of those used last.

An object's name is its digest, which is known only at its end: it is taken in locally first, then
sent, in parts when it is large. An object that is there already is not sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from urllib.parse import parse_qsl, urlsplit

from aiobotocore.config import AioConfig
from aiohttp import ClientError as BrokenOff
from botocore.exceptions import BotoCoreError, ClientError

from lineal.aws_session import aws_session
from lineal.errors import LinealError, StoreUnavailable
from lineal.store.blobs import BlobMissing, FileBlobs, StoredFile

_PART_BYTES = 8 << 20
"""S3 takes parts from 5 MiB on, and 10,000 of them: objects up to 80 GB."""
_MAX_CONCURRENT_PARTS = 4
_IN_USE_SECONDS = 600.0
"""A cached file used within this time stays, whatever the cap: a caller may be about to open it."""
_CHECKS_PER_CAP = 16
_DIGEST = re.compile("[0-9a-f]{64}")
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
AWAY = (BotoCoreError, BrokenOff, TimeoutError)
"""What is raised when S3 does not answer, or not to the end: that a connection broke off in the
middle of an object aiobotocore leaves to aiohttp to say."""


class MalformedBucket(LinealError, ValueError):
    """The URL of the objects is malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where objects are.

    Attributes:
        prefix: how the names of all objects begin; empty, or with a slash at its end.
        endpoint: another place than AWS (MinIO, an emulator).
        cache_bytes: how much of the local disk the objects used last may take.
    """

    name: str
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None
    cache_bytes: int = 2 << 30


def parse_bucket(url: str) -> Bucket:
    """Read ``s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&cache_mb=N]``.

    Raises:
        MalformedBucket
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise MalformedBucket(f"{url!r} is not like s3://bucket/prefix")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = parts.path.strip("/")
    megabytes = given.pop("cache_mb", "2048")
    if not megabytes.isascii() or not megabytes.isdigit():
        raise MalformedBucket(f"cache_mb={megabytes!r} is not a number")
    bucket = Bucket(
        name=parts.netloc,
        prefix=f"{prefix}/" if prefix else "",
        region=given.pop("region", None),
        endpoint=given.pop("endpoint", None),
        cache_bytes=int(megabytes) << 20,
    )
    if given:
        raise MalformedBucket(f"{url!r}: there is no setting {', '.join(sorted(given))}")
    return bucket


@contextlib.asynccontextmanager
async def s3_client(region: str | None, endpoint: str | None) -> AsyncIterator[Any]:
    """A client of S3. Credentials come from where every AWS tool takes them.

    Raises:
        StoreUnavailable: the region or the endpoint is wrong.
    """
    config = AioConfig(
        retries={"mode": "standard", "max_attempts": 6},
        max_pool_connections=32,
        read_timeout=60,
        connect_timeout=5,
    )
    async with contextlib.AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(
                aws_session().create_client(
                    "s3", region_name=region, endpoint_url=endpoint, config=config
                )
            )
        except (BotoCoreError, ValueError) as error:
            raise StoreUnavailable(f"S3: {error}") from error
        yield client


@contextlib.asynccontextmanager
async def reach_bucket(bucket: Bucket) -> AsyncGenerator[Any]:
    """A client that has seen a bucket.

    Raises:
        StoreUnavailable: the bucket cannot be reached, or is not there.
    """
    async with s3_client(bucket.region, bucket.endpoint) as client:
        with _errors(""):
            await client.head_bucket(Bucket=bucket.name)
        yield client


@contextlib.asynccontextmanager
async def open_s3_blobs(bucket: Bucket, cache: FileBlobs) -> AsyncGenerator[S3Blobs]:
    """Connect to a bucket that exists.

    Args:
        cache: a folder in which nothing else is: what is in it may be removed at any time.

    Raises:
        StoreUnavailable: the bucket cannot be reached.
    """
    async with reach_bucket(bucket) as client:
        yield S3Blobs(client, bucket, cache)


class S3Blobs:
    """See :class:`lineal.store.blobs.Blobs`; :func:`open_s3_blobs` makes one."""

    def __init__(self, client: Any, bucket: Bucket, cache: FileBlobs) -> None:
        self._client = client
        self._bucket = bucket
        self._cache = cache
        self._added = bucket.cache_bytes

    async def put_stream(self, source: BinaryIO) -> StoredFile:
        stored = await self._cache.put_stream(source)
        await self._send_file(stored.sha256)
        await self._trim(stored.bytes)
        return stored

    async def put(self, data: bytes) -> None:
        digest = sha256(data).hexdigest()
        if not await self.exists(digest):
            await self._send_bytes(digest, data)

    async def get(self, sha256: str) -> bytes:
        with contextlib.suppress(BlobMissing):
            file = await self._cache.path(sha256)
            with contextlib.suppress(FileNotFoundError):
                data = await asyncio.to_thread(file.read_bytes)
                _touch(file)
                return data
        with _errors(sha256):
            answer = await self._client.get_object(Bucket=self._bucket.name, Key=self._key(sha256))
            async with answer["Body"] as stream:
                content: bytes = await stream.read()
                return content

    async def path(self, sha256: str) -> Path:
        with contextlib.suppress(BlobMissing):
            file = await self._cache.path(sha256)
            if _touch(file):
                return file
        size = await self._fetch(sha256)
        await self._trim(size)
        return await self._cache.path(sha256)

    async def delete(self, sha256: str) -> bool:
        there = await self._cache.delete(sha256)
        key = self._key(sha256)
        with _errors(""):
            page = await self._client.list_object_versions(Bucket=self._bucket.name, Prefix=key)
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for version in versions:
                if version["Key"] == key:
                    there = True
                    await self._client.delete_object(
                        Bucket=self._bucket.name, Key=key, VersionId=version["VersionId"]
                    )
        return there

    async def digests(self) -> AsyncIterator[str]:
        where = {"Bucket": self._bucket.name, "Prefix": self._bucket.prefix}
        more: dict[str, str] = {}
        while True:
            with _errors(""):
                page = await self._client.list_objects_v2(**where, **more)
            for item in page.get("Contents", []):
                name = item["Key"].removeprefix(self._bucket.prefix).replace("/", "", 1)
                if _DIGEST.fullmatch(name):
                    yield name
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _key(self, sha256: str) -> str:
        # Spread over prefixes: S3's quotas of requests are a prefix's own.
        return f"{self._bucket.prefix}{sha256[:2]}/{sha256[2:]}"

    async def exists(self, sha256: str) -> bool:
        try:
            with _errors(sha256):
                await self._client.head_object(Bucket=self._bucket.name, Key=self._key(sha256))
        except BlobMissing:
            return False
        return True

    async def _send_file(self, sha256: str) -> None:
        if await self.exists(sha256):
            return
        file = await self._cache.path(sha256)
        size = (await asyncio.to_thread(file.stat)).st_size
        if size <= _PART_BYTES:
            await self._send_bytes(sha256, await asyncio.to_thread(file.read_bytes))
        else:
            await self._send_parts(sha256, file, -(-size // _PART_BYTES))

    async def _send_bytes(self, sha256: str, data: bytes) -> None:
        with _errors(sha256):
            await self._client.put_object(
                Bucket=self._bucket.name, Key=self._key(sha256), Body=data
            )

    async def _send_parts(self, sha256: str, file: Path, count: int) -> None:
        where = {"Bucket": self._bucket.name, "Key": self._key(sha256)}
        with _errors(sha256):
            upload = {
                **where,
                "UploadId": (await self._client.create_multipart_upload(**where))["UploadId"],
            }
            turns = asyncio.Semaphore(_MAX_CONCURRENT_PARTS)

            async def send(number: int) -> dict[str, Any]:
                async with turns:
                    data = await asyncio.to_thread(_part, file, number - 1)
                    answer = await self._client.upload_part(**upload, PartNumber=number, Body=data)
                return {"PartNumber": number, "ETag": answer["ETag"]}

            try:
                async with asyncio.TaskGroup() as group:
                    sending = [group.create_task(send(number)) for number in range(1, count + 1)]
                parts = [task.result() for task in sending]
                await self._client.complete_multipart_upload(
                    **upload, MultipartUpload={"Parts": parts}
                )
            except BaseException as error:
                # Parts of an upload that was never completed would be paid for, unseen.
                with contextlib.suppress(ClientError, BotoCoreError):
                    await asyncio.shield(self._client.abort_multipart_upload(**upload))
                if isinstance(error, BaseExceptionGroup):
                    raise error.exceptions[0] from error
                raise

    async def _fetch(self, sha256: str) -> int:
        """Bring an object into the cache; returns its size."""
        read, write = os.pipe()
        with os.fdopen(read, "rb") as source:
            keeping = asyncio.create_task(self._cache.put_stream(source))
            try:
                with os.fdopen(write, "wb") as sink, _errors(sha256):
                    answer = await self._client.get_object(
                        Bucket=self._bucket.name, Key=self._key(sha256)
                    )
                    async with answer["Body"] as stream:
                        while chunk := await stream.read(1 << 20):
                            await asyncio.to_thread(sink.write, chunk)
            finally:
                # What came so far is stored under the digest of just that, and trimmed some day.
                stored = await keeping
        if stored.sha256 != sha256:
            from lineal.errors import ObjectCorrupt

            raise ObjectCorrupt(sha256)
        return stored.bytes

    async def _trim(self, added: int) -> None:
        """Keep the cache below its cap, looking at it after every so many bytes."""
        self._added += added
        if self._added < self._bucket.cache_bytes // _CHECKS_PER_CAP:
            return
        self._added = 0
        await asyncio.to_thread(trim, self._cache.directory, self._bucket.cache_bytes)


def trim(folder: Path, max_bytes: int, *, in_use_seconds: float = _IN_USE_SECONDS) -> int:
    """Remove the files that were used longest ago until the rest fits; returns how many were
    removed."""
    files = []
    for file in folder.glob("??/*"):
        with contextlib.suppress(FileNotFoundError):
            told = file.stat()
            files.append((told.st_mtime, told.st_size, file))
    total = sum(size for _, size, _ in files)
    removed = 0
    for used, size, file in sorted(files):
        if total <= max_bytes or used > time.time() - in_use_seconds:
            break
        file.unlink(missing_ok=True)
        total -= size
        removed += 1
    return removed


def _touch(file: Path) -> bool:
    """Note that a file is being used; False if it has just been removed."""
    try:
        os.utime(file)
    except FileNotFoundError:
        return False
    return True


def _part(file: Path, index: int) -> bytes:
    with file.open("rb") as source:
        source.seek(index * _PART_BYTES)
        return source.read(_PART_BYTES)


@contextlib.contextmanager
def _errors(sha256: str) -> Any:
    """Turn S3's errors into those of a store."""
    try:
        yield
    except ClientError as error:
        _translate(error, sha256)
    except AWAY as error:
        raise StoreUnavailable(f"S3: {error}") from error


def _translate(error: ClientError, sha256: str) -> NoReturn:
    told = error.response.get("Error", {})
    if sha256 and str(told.get("Code")) in _MISSING:
        raise BlobMissing(sha256) from error
    raise StoreUnavailable(
        f"S3: {error.operation_name}: {told.get('Code')}: {told.get('Message', '')}"
    ) from error
