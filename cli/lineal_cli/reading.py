"""Opens the store for commands that only read, with or without a running daemon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lineal.store.blobs import FileBlobs
from lineal.store.connection import POSTGRES, Connection
from lineal.store.sqlite import SqliteConnection, connect_read_only
from lineal.store.sqlite_errors import errors_translated
from lineal.store.tables import tables_exist
from lineal_cli.options import CommandFailed, data_folder, load_settings, plain_setting

if TYPE_CHECKING:
    from lineal.store.blobs import Blobs

_BUSY_SECONDS = 10.0
_CHUNK = 1 << 20


def existing_data(given: Path | None) -> Path:
    """The data folder, which must hold something, unless the store is elsewhere.

    Raises:
        CommandFailed: there is no database in it.
    """
    folder = data_folder(given)
    if _store() == "sqlite:" and not (folder / "lineal.db").is_file():
        raise _no_data(folder)
    return folder


def _store() -> str:
    return plain_setting("store", "sqlite:")


def _no_data(folder: Path) -> CommandFailed:
    return CommandFailed(
        f"there is no data in {folder} yet: start `lineal up` and drop a file, "
        "or name another folder with --data"
    )


@contextlib.contextmanager
def reading(given: Path | None) -> Iterator[tuple[Connection, Path]]:
    """A connection to the store that cannot write, and the data folder.

    Raises:
        CommandFailed: there is no data yet.
        IncompatibleDatabase: another version of lineal wrote it.
        StoreUnavailable, StoreRejected: the store is elsewhere and cannot be read.
    """
    folder = data_folder(given)
    url = _store()
    if url == "sqlite:":
        with reading_folder(folder) as connection:
            yield connection, folder
    else:
        with _reading_shared(url) as shared:
            yield shared, folder


@contextlib.contextmanager
def reading_folder(folder: Path) -> Iterator[SqliteConnection]:
    """A connection that cannot write to the database in a data folder.

    Raises:
        CommandFailed: there is no data yet.
        IncompatibleDatabase: another version of lineal wrote it.
    """
    if not (folder / "lineal.db").is_file():
        raise _no_data(folder)
    with (
        contextlib.closing(
            connect_read_only(folder / "lineal.db", busy_seconds=_BUSY_SECONDS)
        ) as connection,
        errors_translated(),
    ):
        if not tables_exist(connection):
            raise _no_data(folder)
        yield connection


@contextlib.contextmanager
def _reading_shared(url: str) -> Iterator[Connection]:
    if not url.startswith(POSTGRES):
        raise CommandFailed("the setting store is neither 'sqlite:' nor a postgresql:// URL")
    from lineal.store.postgres import tables
    from lineal.store.postgres.connection import connect, place

    with contextlib.closing(connect(url)) as connection:
        if not tables.tables_exist(connection):
            raise CommandFailed(
                f"there is no data in {place(url)} yet: start a daemon and put a document"
            )
        yield connection


@contextlib.contextmanager
def reading_blobs(folder: Path, cache: Path | None = None) -> Iterator[ReadBlobs]:
    """The store of large objects that the settings name.

    Args:
        cache: a data folder whose copies of what is elsewhere are believed; none: this one's.
    """
    files = FileBlobs(folder, folder / "run", "reader")
    if plain_setting("objects", "file:") == "file:":
        yield files
        return
    if cache is not None:
        files = FileBlobs(cache, cache / "run", "reader")
    from lineal.backends import open_blobs

    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        try:
            blobs = runner.run(open_blobs(load_settings(folder), files, stack))
            yield _FetchedBlobs(runner, blobs)
        finally:
            runner.run(stack.aclose())


class ReadBlobs(Protocol):
    """Large objects to be read only."""

    def stored(self) -> Iterator[str]:
        """The digests of all that are there, in no order."""
        ...

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The bytes piece by piece.

        Raises:
            BlobMissing: before the first piece.
        """
        ...


class _FetchedBlobs:
    """Blobs that have to be brought here before they are read."""

    def __init__(self, runner: asyncio.Runner, blobs: Blobs) -> None:
        self._runner = runner
        self._blobs = blobs

    def stored(self) -> Iterator[str]:
        async def collect() -> list[str]:
            return [digest async for digest in self._blobs.digests()]

        return iter(self._runner.run(collect()))

    def chunks(self, sha256: str) -> Iterator[bytes]:
        path = self._runner.run(self._blobs.path(sha256))
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
