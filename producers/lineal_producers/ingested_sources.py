"""What producers remember of where documents came from: removed with the documents."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from lineal.runtime import Runtime
from lineal.store.connection import Connection


class ForgottenSources(NamedTuple):
    """What became of it."""

    forgotten: int
    still_there: tuple[str, ...]
    """Files that are where they were taken from, by their paths. They stay remembered, or the
    folder's watch would take them again."""


async def forget_sources(
    runtime: Runtime, sources: Sequence[str], *, dry: bool = False
) -> ForgottenSources:
    """Forget the files and objects that were taken from these URIs.

    Args:
        dry: only count them.
    """
    paths = [_path(uri)[0] for uri in sources if uri.startswith("file:")]
    there = await asyncio.to_thread(_there, paths)
    gone = [(path,) for path in paths if path not in there]
    objects = [_object(uri) for uri in sources if uri.startswith("s3:")]

    def forget_files(connection: Connection) -> int:
        return _forget(connection, "watched_files WHERE path = ?", gone, dry)

    def forget_objects(connection: Connection) -> int:
        files = [(uri,) for uri in sources if uri.startswith("file:") and _path(uri) in gone]
        count = _forget(connection, "taken_objects WHERE bucket = ? AND name = ?", objects, dry)
        count += _forget(connection, "taken_objects WHERE bucket || '/' || name = ?", files, dry)
        _forget(connection, "synced_documents WHERE bucket = ? AND name = ?", objects, dry)
        _forget(connection, "synced_documents WHERE bucket || '/' || name = ?", files, dry)
        return count

    forgotten = await runtime.database.write(forget_files)
    forgotten += await runtime.store.write(forget_objects)
    return ForgottenSources(forgotten, tuple(os.fsdecode(path) for path in there))


def _there(paths: Sequence[bytes]) -> list[bytes]:
    return [path for path in paths if os.path.lexists(path)]


def _path(uri: str) -> tuple[bytes]:
    return (unquote_to_bytes(urlsplit(uri).path),)


def _object(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix("s3://").partition("/")
    return bucket, unquote(name)


def _forget(
    connection: Connection, where: str, rows: Sequence[tuple[object, ...]], dry: bool
) -> int:
    if dry:
        return sum(
            connection.execute(f"SELECT count(*) FROM {where}", row).fetchone()[0] for row in rows
        )
    return sum(connection.execute(f"DELETE FROM {where}", row).rowcount for row in rows)
