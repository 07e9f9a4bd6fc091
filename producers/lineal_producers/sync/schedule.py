"""Sources as the settings or a command name them, opened and synchronised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lineal.runtime import Runtime
from lineal_producers.sync.comparison import SyncResult, synchronise
from lineal_producers.sync.settings import SourceSettings, WrongSource


async def synchronise_source(
    runtime: Runtime, source: SourceSettings, *, full: bool = False
) -> SyncResult:
    """Compare a source once with what was ingested of it.

    Raises:
        As :func:`lineal_producers.sync.comparison.synchronise`.
        WrongSource: the libraries for buckets are not installed.
    """
    options: dict[str, Any] = {
        "full": full, "deleted": source.deleted, "allow_empty": source.allow_empty,
    }  # fmt: skip
    where = source.bucket_prefix()
    if where is None:
        from lineal_producers.sync.tree import FolderTree

        tree = FolderTree(runtime, Path(source.url))
        return await synchronise(tree, runtime, source.patterns, **options)
    try:
        from lineal.store.s3 import s3_client
        from lineal_producers.s3.access_lists import AccessLists
        from lineal_producers.s3.sync import Bucket
    except ImportError as error:
        raise WrongSource(f"buckets need `pip install 'lineal[aws]'` ({error})") from error
    async with s3_client(source.region, source.endpoint) as client:
        lists = AccessLists(source.users) if source.access_lists else None
        bucket = Bucket(client, runtime, *where, access_lists=lists)
        return await synchronise(bucket, runtime, source.patterns, **options)
