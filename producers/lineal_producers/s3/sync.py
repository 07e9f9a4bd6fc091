"""Ingests all objects of a bucket, or those that changed since the last time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from lineal.runtime import Runtime
from lineal_producers.arrival import Arrival
from lineal_producers.s3.objects import (
    ObjectDeleted,
    Patterns,
    S3Object,
    errors,
    ingested_versions,
    is_folder,
    take,
)

_MAX_CONCURRENT = 8


@dataclass(slots=True)
class SyncResult:
    """What a sync did, in objects."""

    ingested: int = 0
    unchanged: int = 0
    left_out: int = 0
    gone: int = 0
    """Deleted between being listed and being taken."""


async def sync(
    client: Any,
    runtime: Runtime,
    bucket: str,
    prefix: str = "",
    patterns: Patterns | None = None,
    *,
    full: bool = False,
    on_arrival: Callable[[Arrival], None] = lambda _: None,
) -> SyncResult:
    """Ingest the objects below a prefix. After an interruption the next run continues: every object
    is noted when it is ingested.

    Args:
        full: also those whose present version was taken before. They arrive under the same ids as
            then, so nothing is registered twice.

    Raises:
        StoreUnavailable: S3 cannot be reached, or refuses; there is no such bucket.
    """
    chosen = patterns or Patterns()
    known = {} if full else await ingested_versions(runtime, bucket, prefix)
    result = SyncResult()
    waiting: set[asyncio.Task[None]] = set()

    async def take_one(found: S3Object) -> None:
        try:
            on_arrival(await take(client, runtime, found))
        except ObjectDeleted:
            result.gone += 1
        else:
            result.ingested += 1

    try:
        async for found in _listed(client, bucket, prefix):
            if is_folder(found.key) or not chosen.take(found.key[len(prefix) :].lstrip("/")):
                result.left_out += 1
            elif not full and known.get(found.key) == found.version:
                result.unchanged += 1
            else:
                if len(waiting) >= _MAX_CONCURRENT:
                    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                waiting.add(asyncio.create_task(take_one(found)))
        for task in list(waiting):
            await task
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return result


async def _listed(client: Any, bucket: str, prefix: str) -> AsyncIterator[S3Object]:
    """The present objects; in a bucket with versions the newest of each."""
    more: dict[str, str] = {}
    while True:
        with errors(f"s3://{bucket}"):
            page = await client.list_objects_v2(Bucket=bucket, Prefix=prefix, **more)
        for item in page.get("Contents", []):
            yield S3Object(bucket, item["Key"], item["ETag"].strip('"'))
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}
