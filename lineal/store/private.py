"""Creates files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path

_OTHERS = 0o077


def make_private(folder: Path) -> None:
    """Make a folder with mode 0700; an existing one of ours gets that mode. A folder of another
    owner (a mounted volume) is left as it is.

    Raises:
        OSError: it cannot be made, or not closed.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close(folder, 0o700)


def make_private_file(file: Path) -> None:
    """Make an empty file with mode 0600 before anything is written; an existing one gets that mode.
    SQLite gives the files beside its database the same mode.

    Raises:
        OSError: it cannot be made, or not closed.
    """
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
    _close(file, 0o600)


def _close(path: Path, mode: int) -> None:
    status = path.stat()
    if status.st_mode & _OTHERS and status.st_uid == os.geteuid():
        path.chmod(mode)
