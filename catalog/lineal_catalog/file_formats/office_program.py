"""Where LibreOffice is installed: Debian has it below /usr, its makers' packages below /opt."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import which

_NAMES = ("soffice", "libreoffice")
_VERSIONS = "libreoffice[0-9]*"
"""What the makers' packages link in a folder of ``PATH``: its name has the version."""


def find_office_program() -> str | None:
    """The program by its path; None where it is not installed."""
    for name in _NAMES:
        if program := which(name):
            return program
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if folder:
            for linked in sorted(Path(folder).glob(_VERSIONS), reverse=True):
                if os.access(linked, os.X_OK):
                    return str(linked)
    return None
