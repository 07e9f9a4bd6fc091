"""A bucket as a source: ingests all of its objects, or those that changed since the last time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from lineal.runtime import Runtime
from lineal_producers.arrival import Arrival
from lineal_producers.s3.objects import ACTOR, ObjectDeleted, S3Object, errors, take
from lineal_producers.sync.comparison import (
    Deleted,
    FoundFile,
    SourceDeleted,
    SyncResult,
    synchronise,
)
from lineal_producers.sync.patterns import Patterns

__all__ = ["Bucket", "SyncResult", "sync"]


class Bucket:
    """The present objects below a prefix; in a bucket with versions the newest of each."""

    actor = ACTOR

    def __init__(self, client: Any, runtime: Runtime, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._runtime = runtime
        self.bucket = bucket
        self.prefix = prefix

    async def files(self) -> AsyncIterator[FoundFile]:
        more: dict[str, str] = {}
        while True:
            with errors(f"s3://{self.bucket}"):
                page = await self._client.list_objects_v2(
                    Bucket=self.bucket, Prefix=self.prefix, **more
                )
            for item in page.get("Contents", []):
                key = item["Key"]
                yield FoundFile(key, self.path(key), item["ETag"].strip('"'))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def uri(self, name: str) -> str:
        return S3Object(self.bucket, name, "").source

    def path(self, name: str) -> str:
        return name[len(self.prefix) :].lstrip("/")

    async def is_deleted(self, name: str) -> bool:
        return True  # a listing is complete

    async def ingest(self, name: str, *, has_metadata: bool) -> Arrival:
        try:
            found = S3Object(self.bucket, name, "")
            return await take(self._client, self._runtime, found, has_metadata=has_metadata)
        except ObjectDeleted as error:
            raise SourceDeleted(str(error)) from error


async def sync(
    client: Any,
    runtime: Runtime,
    bucket: str,
    prefix: str = "",
    patterns: Patterns | None = None,
    *,
    full: bool = False,
    deleted: Deleted = "mark",
    allow_empty: bool = False,
    on_arrival: Callable[[Arrival], None] = lambda _: None,
) -> SyncResult:
    """Ingest the objects below a prefix: :func:`lineal_producers.sync.comparison.synchronise`.

    Raises:
        StoreUnavailable: S3 cannot be reached, or refuses; there is no such bucket.
        SourceEmpty: see there.
    """
    return await synchronise(
        Bucket(client, runtime, bucket, prefix),
        runtime,
        patterns or Patterns(),
        full=full,
        deleted=deleted,
        allow_empty=allow_empty,
        on_arrival=on_arrival,
    )
