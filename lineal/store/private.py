"""Creates files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path

_OTHERS = 0o077


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter; one of ours that others may enter is closed.

    A folder of somebody else's (a mounted volume) is left as it is.

    Raises:
        OSError: it cannot be made, or not closed.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close(folder, 0o700)


def make_private_file(file: Path) -> None:
    """Make an empty file that only its owner may read, before anything is in it; one that is there
    is closed to others. SQLite gives the files beside its database the same mode.

    Raises:
        OSError: it cannot be made, or not closed.
    """
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
    _close(file, 0o600)


def _close(path: Path, mode: int) -> None:
    status = path.stat()
    if status.st_mode & _OTHERS and status.st_uid == os.geteuid():
        path.chmod(mode)
