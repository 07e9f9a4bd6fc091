"""A bucket as a source: ingests all of its objects, or those that changed since the last time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from lineal.runtime import Runtime
from lineal_producers.arrival import Arrival
from lineal_producers.s3.access_lists import AccessLists
from lineal_producers.s3.errors import ObjectDeleted, errors
from lineal_producers.s3.objects import ACTOR, S3Object, take
from lineal_producers.sync.comparison import (
    FoundFile,
    SourceDeleted,
    SyncResult,
    synchronise,
)
from lineal_producers.sync.patterns import Patterns
from lineal_producers.sync.settings import Deleted

__all__ = ["Bucket", "SyncResult", "sync"]


class Bucket:
    """The present objects below a prefix; in a bucket with versions the newest of each."""

    actor = ACTOR

    def __init__(
        self,
        client: Any,
        runtime: Runtime,
        bucket: str,
        prefix: str = "",
        access_lists: AccessLists | None = None,
    ) -> None:
        self._client = client
        self._access_lists = access_lists
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
            items = page.get("Contents", [])
            # Another list is another version: it arrives again, and the newest list holds.
            grants = await self._digests([item["Key"] for item in items])
            for item in items:
                key = item["Key"]
                version = item["ETag"].strip('"') + grants.get(key, "")
                yield FoundFile(key, self.path(key), version)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def uri(self, name: str) -> str:
        return S3Object(self.bucket, name, "").source

    def path(self, name: str) -> str:
        return name[len(self.prefix) :].lstrip("/")

    async def is_deleted(self, name: str) -> bool:
        return True  # a listing is complete

    async def _digests(self, keys: Sequence[str]) -> dict[str, str]:
        if self._access_lists is None:
            return {}
        lists = await self._access_lists.of_objects(self._client, self.bucket, keys)
        return {key: list.digest for key, list in lists.items()}

    async def ingest(self, name: str, *, has_metadata: bool, deleted: Deleted) -> Arrival:
        try:
            found = S3Object(self.bucket, name, "")
            return await take(
                self._client,
                self._runtime,
                found,
                has_metadata=has_metadata,
                deleted=deleted,
                access_lists=self._access_lists,
            )
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
    access_lists: AccessLists | None = None,
) -> SyncResult:
    """Ingest the objects below a prefix: :func:`lineal_producers.sync.comparison.synchronise`.

    Raises:
        StoreUnavailable: S3 cannot be reached, or refuses; there is no such bucket.
        SourceEmpty: see there.
    """
    return await synchronise(
        Bucket(client, runtime, bucket, prefix, access_lists),
        runtime,
        patterns or Patterns(),
        full=full,
        deleted=deleted,
        allow_empty=allow_empty,
        on_arrival=on_arrival,
    )
