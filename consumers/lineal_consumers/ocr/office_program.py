"""What of LibreOffice worker processes read and run, and whether it is there."""

from __future__ import annotations

import os
from pathlib import Path

from lineal_catalog.file_formats.office_program import find_office_program
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.office_kit import find_library

_PROGRAMS = "program"
"""The folder of programs in an installation."""
_EXTENSIONS = "share/uno_packages/cache"
_ABSENT = "install LibreOffice (Debian: libreoffice-writer, libreoffice-calc, libreoffice-impress)"


def office_read(_config: OcrConfig) -> list[Path]:
    """The folders of the installation: worker processes read and run what is in them."""
    program = find_office_program()
    if program is None:
        return []
    real = Path(os.path.realpath(program))
    if real.parent.name != _PROGRAMS:
        return [real]
    installed = real.parent.parent
    # Debian keeps what extensions are installed outside, and without that list it does not start.
    extensions = installed / _EXTENSIONS
    outside = [Path(os.path.realpath(extensions))] if extensions.exists() else []
    return [installed, *outside]


def describe_office() -> str:
    """For ``lineal doctor``: what reads Office files from before 2007."""
    program = find_office_program()
    if program is None:
        return f"DOC, XLS and PPT are not read: {_ABSENT}"
    how = "its library" if find_library(program) else "its program"
    return f"LibreOffice reads DOC, XLS and PPT ({how}, {Path(os.path.realpath(program)).parent})"
