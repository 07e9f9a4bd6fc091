"""All vectors of a model in a file that is mapped into memory: a copy of what the store has.

The store is the truth. The file is extended by what is new, and made again when anything has been
erased or a third of it is out of date. Whoever cannot write it reads the store instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal.store.connection import Connection

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FOLDER = "vectors"
_ROWS = 20_000
"""Read from the store at once."""
_OUT_OF_DATE = 1.3
"""So many times the paragraphs that there are may stand in the file."""


class VectorRows(NamedTuple):
    """Vectors of a model, by the ids of their paragraphs. Some may be gone from the store."""

    ids: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.int8]
    inverse_lengths: npt.NDArray[np.float32]


def vector_folder(connection: Connection) -> Path | None:
    """Where the files are of an embedded store; None for a store that others share."""
    if connection.dialect.name == "postgres":
        return None
    for _, name, file in connection.execute("PRAGMA database_list").fetchall():
        if name == "main" and file:
            return Path(file).parent / _FOLDER
    return None


def remove_files(folder: Path) -> None:
    """Remove all vectors; who has them mapped keeps what is mapped until it looks again."""
    shutil.rmtree(folder, ignore_errors=True)


def load_vectors(
    connection: Connection, folder: Path | None, model: str, dimensions: int
) -> VectorRows:
    """The vectors of all paragraphs that a model made.

    Args:
        folder: where the files are; None: read from the store.
    """
    if folder is not None:
        try:
            return _VectorFile(folder / model.replace(":", "-"), dimensions).load(connection, model)
        except OSError:
            pass  # a folder of somebody else, or a full disk
    ids, data = [], []
    for some_ids, some in _stored(connection, model, 0):
        ids.append(some_ids)
        data.append(some)
    return _rows(b"".join(ids), b"".join(data), dimensions)


class _VectorFile:
    """Files ``ids``, ``vectors`` and ``lengths``, all in one order, and ``erasures``: how many
    erasures the store had when they were begun."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        self._folder, self._dimensions = folder, dimensions

    def load(self, connection: Connection, model: str) -> VectorRows:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            erasures = _erasures(connection)
            marker = self._folder / "erasures"
            if not marker.is_file() or marker.read_text() != str(erasures):
                self._clear(erasures)
            self._extend(connection, model)
            (count,) = connection.execute(
                "SELECT count(*) FROM meaning_paragraphs WHERE model = ?", (model,)
            ).fetchone()
            if self._size("ids", 8) > count * _OUT_OF_DATE + 1000:
                self._clear(erasures)
                self._extend(connection, model)
            return self._mapped()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _clear(self, erasures: int) -> None:
        # Removed and not emptied: another process may have them mapped.
        for name in ("ids", "vectors", "lengths"):
            (self._folder / name).unlink(missing_ok=True)
        (self._folder / "erasures").write_text(str(erasures))

    def _size(self, name: str, width: int) -> int:
        file = self._folder / name
        return file.stat().st_size // width if file.is_file() else 0

    def _extend(self, connection: Connection, model: str) -> None:
        rows = min(
            self._size("ids", 8), self._size("lengths", 4), self._size("vectors", self._dimensions)
        )
        with contextlib.ExitStack() as stack:
            ids, vectors, lengths = (
                stack.enter_context(os.fdopen(os.open(self._folder / name, _FLAGS, 0o600), "r+b"))
                for name in ("ids", "vectors", "lengths")
            )
            last = 0
            if rows:
                ids.seek((rows - 1) * 8)
                last = int.from_bytes(ids.read(8), "little", signed=True)
            # Behind a crash one of them may be longer than the others.
            for file, width in ((ids, 8), (vectors, self._dimensions), (lengths, 4)):
                file.seek(rows * width)
            for some_ids, some in _stored(connection, model, last):
                made = _rows(some_ids, some, self._dimensions)
                vectors.write(some)
                lengths.write(made.inverse_lengths.tobytes())
                ids.write(some_ids)

    def _mapped(self) -> VectorRows:
        import numpy as np

        rows = self._size("ids", 8)
        if not rows:
            return _rows(b"", b"", self._dimensions)
        folder = self._folder
        return VectorRows(
            np.memmap(folder / "ids", "<i8", "r", shape=(rows,)),
            np.memmap(folder / "vectors", np.int8, "r", shape=(rows, self._dimensions)),
            np.memmap(folder / "lengths", "<f4", "r", shape=(rows,)),
        )


_FLAGS = os.O_RDWR | os.O_CREAT


def _erasures(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM erasures").fetchone()[0])


def _stored(connection: Connection, model: str, last: int) -> Iterator[tuple[bytes, bytes]]:
    """The ids and vectors behind an id, in their order."""
    import numpy as np

    while rows := connection.execute(
        "SELECT id, vector FROM meaning_paragraphs WHERE model = ? AND id > ? ORDER BY id LIMIT ?",
        (model, last, _ROWS),
    ).fetchall():
        last = rows[-1][0]
        yield (
            np.array([id for id, _ in rows], "<i8").tobytes(),
            b"".join(bytes(vector) for _, vector in rows),
        )


def _rows(ids: bytes, vectors: bytes, dimensions: int) -> VectorRows:
    import numpy as np

    matrix = np.frombuffer(vectors, np.int8).reshape(-1, dimensions)
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float32))
    inverse = np.where(lengths > 0, 1 / np.where(lengths > 0, lengths, 1), 0).astype("<f4")
    return VectorRows(np.frombuffer(ids, "<i8"), matrix, inverse)
