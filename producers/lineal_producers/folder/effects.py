"""The effect of noting which state of a file was ingested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class FileIngested(Effect):
    """A state of a file is on the bus. Its table is in the machine's own database only."""

    kind: ClassVar[str] = "folder.ingested"
    read_by_others: ClassVar[bool] = False

    path: bytes
    inode: int
    size: int
    modified_ns: int
    """Negative: see :meth:`lineal_producers.folder.seen_files.Fingerprint.of_rejected`."""


def _apply(connection: Connection, files: Sequence[FileIngested]) -> None:
    connection.executemany(
        "INSERT INTO watched_files (path, inode, size, modified_ns) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (path) DO UPDATE SET inode = excluded.inode, size = excluded.size, "
        "modified_ns = excluded.modified_ns",
        [(item.path, item.inode, item.size, item.modified_ns) for item in files],
    )


register(_apply, FileIngested)
