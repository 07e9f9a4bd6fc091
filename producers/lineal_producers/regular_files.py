"""Opens regular files inside a folder, and nothing else."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from lineal.errors import LinealError


class Unreadable(LinealError):
    """A file that will not be read. The text says why, in words without personal data."""


class FileDeleted(Unreadable):
    """There is no file of this name (any more)."""

    def __init__(self) -> None:
        super().__init__("the file was gone before it could be read")


_REASONS = {
    errno.EACCES: "the file cannot be read: permission denied",
    errno.EPERM: "the file cannot be read: permission denied",
    errno.ELOOP: "the file is a link that leads in circles",
}


def open_regular(path: Path, *, within: Path | None = None) -> BinaryIO:
    """Open a regular file for reading, unbuffered. Fifos, sockets and devices are not touched.

    Args:
        within: a folder with no links in its path; a link that leads out of it is refused.

    Raises:
        Unreadable: the file will not be read.
        FileDeleted: it does not exist.
        OSError: the machine is to blame (no more descriptors, a disk error); try again.
    """
    try:
        _require_regular(path.stat().st_mode)
        # O_NONBLOCK: what was a file a moment ago may be a fifo now, and opening that would hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _explained(error, path) from error
    file = os.fdopen(descriptor, "rb", buffering=0)
    try:
        _require_regular(os.fstat(descriptor).st_mode)
        if within is not None and not _opened_path(descriptor, path).is_relative_to(within):
            raise Unreadable("the file is a link that leads out of the folder")
    except BaseException:
        file.close()
        raise
    return file


def _require_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise Unreadable("it is a link to a folder, not a file")
    if not stat.S_ISREG(mode):
        raise Unreadable("it is not a regular file")


def _opened_path(descriptor: int, path: Path) -> Path:
    """The real path of an opened file: by its descriptor where the system can, so that a link that
    is changed after the check has no effect."""
    if sys.platform == "linux":
        return Path(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115 - may be deleted
    return path.resolve()


def _explained(error: OSError, path: Path) -> Exception:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        if path.is_symlink():
            return Unreadable("the file is a link that leads nowhere")
        return FileDeleted()
    if error.errno in _REASONS:
        return Unreadable(_REASONS[error.errno])
    if error.errno in (errno.ENXIO, errno.ENODEV):
        return Unreadable("it is not a regular file")
    return error
