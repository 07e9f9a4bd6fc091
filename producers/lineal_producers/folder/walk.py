"""Walks a folder tree a few files at a time, with one file descriptor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import structlog

from lineal_producers.arrival import readable_name
from lineal_producers.folder.names import is_ignored

log = structlog.get_logger(__name__)


def walk(root: Path, *, leave_out: Path | None = None) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below ``root`` that is no folder and not ignored, with its own status (a link's,
    not that of what it leads to). Linked folders are not entered.

    Args:
        leave_out: a folder that is not entered: the one lineal keeps its own files in.

    What vanishes meanwhile is left out; folders that cannot be read are logged and left out.
    """
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_ignored(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if (subfolder := Path(entry.path)) != leave_out:
                            folders.append(subfolder)
                        continue
                    try:
                        yield Path(entry.path), entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            log.warning(
                "folder.unreadable", folder=readable_name(str(folder)), error=error.strerror
            )
