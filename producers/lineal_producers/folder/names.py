"""Which names in a watched folder are left alone."""

from __future__ import annotations

_UNFINISHED = (
    ".part", ".partial", ".filepart", ".crdownload", ".download", ".opdownload",
    ".tmp", ".temp", ".swp", ".swx", "~",
)  # fmt: skip
_DESKTOP = {"thumbs.db", "desktop.ini"}


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is not for us.

    Ignored are hidden ones (``.name``), unfinished downloads and copies (``.part``, ``.partial``,
    ``.filepart``, ``.crdownload``, ``.download``, ``.opdownload``), temporary files and the lock
    files and backups of editors (``.tmp``, ``.temp``, ``.swp``, ``.swx``, ``name~``, ``~$name``),
    and what desktops leave behind (``Thumbs.db``, ``desktop.ini``).
    """
    lower = name.lower()
    return lower.startswith((".", "~$")) or lower.endswith(_UNFINISHED) or lower in _DESKTOP
