"""File operations in an order that survives a power cut.

What is not synced may be lost, in part or completely; what is renamed may be back under its old
name until the folder is synced. Everything here is made of a few primitive changes, so that tests
can cut the power between any two of them.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path


class Disk:
    """The device's file system."""

    def replace(self, path: Path, data: bytes) -> None:
        """Replace a file atomically: a reader finds the old content or the new.

        Raises:
            OSError: the old one is still there.
        """
        fresh = path.with_name(f".{path.name}.new")
        self.write(fresh, data)
        self.sync(fresh)
        self.rename(fresh, path)
        self.sync_folder(path.parent)

    def point(self, link: Path, target: str) -> None:
        """Have a symbolic link point elsewhere, in one step."""
        fresh = link.with_name(f".{link.name}.new")
        if self.exists(fresh):
            self.unlink(fresh)
        self.symlink(target, fresh)
        self.rename(fresh, link)
        self.sync_folder(link.parent)

    def remove(self, path: Path) -> None:
        """Remove a file or a folder with everything in it, if it is there."""
        if self.is_folder(path):
            for name in self.names(path):
                self.remove(path / name)
            self.remove_folder(path)
        elif self.exists(path):
            self.unlink(path)

    # The primitives.

    def read(self, path: Path) -> bytes | None:
        """A file's bytes; None if there is none."""
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def size(self, path: Path) -> int:
        """Bytes of a file; 0 if there is none."""
        try:
            return path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def exists(self, path: Path) -> bool:
        """Whether there is something, be it a link to nothing."""
        return os.path.lexists(path)

    def is_folder(self, path: Path) -> bool:
        """Whether it is a folder itself, not a link to one."""
        try:
            return stat.S_ISDIR(path.lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def names(self, folder: Path) -> list[str]:
        """What is in a folder; nothing if there is none."""
        try:
            return sorted(item.name for item in folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def target(self, link: Path) -> str | None:
        """Where a symbolic link points; None if there is none."""
        try:
            return str(link.readlink())
        except OSError:
            return None

    def free_bytes(self, folder: Path) -> int:
        """Room left for data."""
        return shutil.disk_usage(folder).free

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it."""
        path.mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, data: bytes, offset: int | None = None) -> None:
        """Write from an offset on; None: in place of what there was."""
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if offset is None else 0)
        handle = os.open(path, flags, 0o644)
        try:
            view = memoryview(data)
            position = offset or 0
            while view:
                written = os.pwrite(handle, view, position)
                position += written
                view = view[written:]
        finally:
            os.close(handle)

    def sync(self, path: Path) -> None:
        """Have a file's bytes on the disk."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def sync_folder(self, path: Path) -> None:
        """Have a folder's entries on the disk."""
        self.sync(path)

    def rename(self, old: Path, new: Path) -> None:
        """Atomic; a file or link in the way is replaced."""
        old.replace(new)

    def symlink(self, target: str, link: Path) -> None:
        link.symlink_to(target)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        path.rmdir()
