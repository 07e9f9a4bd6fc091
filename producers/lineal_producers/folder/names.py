"""Which names in a watched folder are ignored."""

from __future__ import annotations

import re

_UNFINISHED = (
    ".part", ".partial", ".filepart", ".crdownload", ".download", ".opdownload",
    ".tmp", ".temp", ".swp", ".swx", "~",
)  # fmt: skip
_DESKTOP = {"thumbs.db", "desktop.ini"}
_WRITE_TEST = "4913"
"""Made and removed by Vim, to see whether it may write there."""
_SAFE_SAVE = re.compile(r"\.sb-[0-9a-f]{8}-[0-9a-z]{6}$")
"""What macOS saves into before it takes the place of the file."""


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is not for us.

    Ignored are hidden ones (``.name``), unfinished downloads and copies (``.part``, ``.partial``,
    ``.filepart``, ``.crdownload``, ``.download``, ``.opdownload``), temporary files and the lock
    files and backups of editors (``.tmp``, ``.temp``, ``.swp``, ``.swx``, ``name~``, ``~$name``),
    unsaved work of Emacs (``#name#``) and macOS (``name.sb-1234abcd-AbCdEf``), Vim's test whether
    it may write (``4913``), and what desktops leave behind (``Thumbs.db``, ``desktop.ini``).
    """
    lower = name.lower()
    return (
        lower.startswith((".", "~$"))
        or lower.endswith(_UNFINISHED)
        or lower in _DESKTOP
        or name == _WRITE_TEST
        or (len(name) > 2 and name[0] == name[-1] == "#")
        or _SAFE_SAVE.search(lower) is not None
    )
