"""Whether this machine can run a server at all, and what to install if it cannot."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

CACHE = Path(__file__).resolve().parents[3] / ".cache"
"""What was fetched once: the broker's jars, the emulators' virtual environments. Git ignores it."""

_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


class Unavailable(RuntimeError):
    """A server cannot be had on this machine. The message says what to install."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason


def find_program(name: str, folders: Iterable[str] = ()) -> str | None:
    """The path of a program, also where an ordinary user's PATH does not look."""
    if found := shutil.which(name):
        return found
    return shutil.which(name, path=":".join((*folders, *_SYSTEM_FOLDERS)))
