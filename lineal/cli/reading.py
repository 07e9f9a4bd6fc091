"""The data folder as commands that only read see it, with or without a running daemon."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from lineal.cli.options import CommandFailed, data_folder
from lineal.store.blobs import FileBlobs
from lineal.store.sqlite import SqliteConnection
from lineal.store.tables import tables_exist

_BUSY_SECONDS = 10.0


def existing_data(given: Path | None) -> Path:
    """The data folder, which must hold something.

    Raises:
        CommandFailed: there is no database in it.
    """
    folder = data_folder(given)
    if not (folder / "lineal.db").is_file():
        raise _no_data(folder)
    return folder


def _no_data(folder: Path) -> CommandFailed:
    return CommandFailed(
        f"there is no data in {folder} yet: start `lineal up` and drop a file, "
        "or name another folder with --data"
    )


def folder_blobs(folder: Path) -> FileBlobs:
    """The large objects of a data folder, to be read only."""
    return FileBlobs(folder, folder / "run", "reader")


@contextlib.contextmanager
def reading(given: Path | None) -> Iterator[tuple[SqliteConnection, Path]]:
    """A connection that cannot write, and the data folder.

    Raises:
        CommandFailed: there is no data yet.
        IncompatibleDatabase: another version of lineal wrote it.
    """
    folder = existing_data(given)
    uri = f"{(folder / 'lineal.db').resolve().as_uri()}?mode=ro"
    with contextlib.closing(
        sqlite3.connect(
            uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, factory=SqliteConnection
        )
    ) as connection:
        if not tables_exist(connection):
            raise _no_data(folder)
        yield connection, folder
