"""Photos on the disk that have been taken and not yet been scored and kept for the bus.

The name of a file says when it was taken, and of which piece: ``00001764500000000000-4711.jpg``.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

_PART = ".part"
_PIECE_LETTERS = 100
"""Of a name at most: file systems take 255 bytes."""


class SpooledPhoto(NamedTuple):
    """One photo."""

    name: str
    captured_us: int
    """Microseconds since the Unix epoch."""
    piece: str | None


class PhotoSpool:
    """Holds photos, the oldest first, until they are done with. For several threads."""

    def __init__(self, folder: Path, capacity: int) -> None:
        """
        Raises:
            OSError: the folder cannot be made or read.
        """
        self._folder = folder
        self._capacity = capacity
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"*{_PART}"):
            left.unlink()  # the power went while it was written
        self._names = sorted(path.name for path in folder.iterdir())
        self._changed = threading.Condition()
        self._newest_us = max((spooled(name).captured_us for name in self._names), default=0)

    def add(self, data: bytes, wall_us: int, piece: str | None = None) -> bool:
        """Keep a photo; False: there is no room.

        Raises:
            OSError: it cannot be written.
        """
        with self._changed:
            if len(self._names) >= self._capacity:
                return False
            name = self._name(wall_us, piece)
            part = self._folder / f"{name}{_PART}"
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / name)
            self._take_in(name)
        return True

    def move_in(self, file: Path, wall_us: int) -> bool:
        """Take a file away from where it is; False: there is no room. In one step, so that no
        power cut leaves it in both places, where both are on one file system.

        Raises:
            OSError: it cannot be moved.
        """
        with self._changed:
            if len(self._names) >= self._capacity:
                return False
            name = self._name(wall_us, None)
            try:
                file.rename(self._folder / name)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.move(file, self._folder / f"{name}{_PART}")
                (self._folder / f"{name}{_PART}").rename(self._folder / name)
            self._take_in(name)
        return True

    def next_after(self, name: str, seconds: float) -> SpooledPhoto | None:
        """The oldest photo whose name is behind this one, waiting for it so long."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._behind(name)), seconds)
            found = self._behind(name)
            return None if found is None else spooled(found)

    def read(self, name: str) -> bytes | None:
        """A photo's file; None if it is gone."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """A photo is done with."""
        (self._folder / name).unlink(missing_ok=True)
        with self._changed:
            if name in self._names:
                self._names.remove(name)

    def _name(self, wall_us: int, piece: str | None) -> str:
        # one after the other, whatever the clock does
        self._newest_us = max(self._newest_us + 1, wall_us)
        about = "" if piece is None else f"-{quote(piece, safe='')[:_PIECE_LETTERS]}"
        return f"{self._newest_us:020d}{about}.jpg"

    def _take_in(self, name: str) -> None:
        self._names.append(name)
        self._changed.notify_all()

    def _behind(self, name: str) -> str | None:
        return next((one for one in self._names if one > name), None)


def spooled(name: str) -> SpooledPhoto:
    """What a file's name says."""
    taken, _, piece = name.rpartition(".")[0].partition("-")
    return SpooledPhoto(name, int(taken) if taken.isdigit() else 0, unquote(piece) or None)
