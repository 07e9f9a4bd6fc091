"""Converts an Office file by LibreOffice's own library, as a program of its own.

Not by ``soffice``: that needs a socket in the system's temporary folder, where sandboxed processes
write nothing, and whether it may write there it asks in a way that a sandbox does not answer.

Source: LibreOfficeKit/LibreOfficeKit.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from pathlib import Path

_LIBRARIES = ("libsofficeapp.so", "libmergedlo.so")
_HOOK = "libreofficekit_hook_2"
MAX_SECONDS = 60
"""Of processor time for one file."""
_MAX_MEMORY = 2 << 30
"""Bytes of its data; a text of a hundred pages takes a quarter of a gigabyte."""
_CANNOT_START, _CANNOT_LOAD, _CANNOT_SAVE = 3, 4, 5

_LOAD = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_SAVE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p
)


class _OfficeClass(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_size_t),
        ("destroy", ctypes.c_void_p),
        ("load", _LOAD),
    )


class _Office(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_OfficeClass)),)


class _DocumentClass(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_size_t),
        ("destroy", ctypes.c_void_p),
        ("save_as", _SAVE),
    )


class _Document(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_DocumentClass)),)


def find_library(program: str) -> Path | None:
    """The library beside LibreOffice's program; None where this build has none."""
    folder = Path(os.path.realpath(program)).parent
    return next((folder / name for name in _LIBRARIES if (folder / name).is_file()), None)


def convert(library: Path, profile: Path, source: Path, target: Path, format: str) -> int:
    """Convert a file to ``target``; returned is the exit code, 0 where it went well.

    Args:
        profile: a folder for LibreOffice's own settings, which it makes.
        format: of the target, by its usual ending.
    """
    loaded = ctypes.CDLL(str(library))
    start = getattr(loaded, _HOOK)
    start.restype = ctypes.POINTER(_Office)
    start.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    office = start(str(library.parent).encode(), profile.as_uri().encode())
    if not office:
        return _CANNOT_START
    address = ctypes.cast(office, ctypes.c_void_p)
    opened = office.contents.methods.contents.load(address, source.as_uri().encode())
    if not opened:
        return _CANNOT_LOAD
    document = ctypes.cast(opened, ctypes.POINTER(_Document))
    saved = document.contents.methods.contents.save_as(
        opened, target.as_uri().encode(), format.encode(), None
    )
    return 0 if saved and target.is_file() else _CANNOT_SAVE


def main(arguments: list[str]) -> int:
    """``LIBRARY PROFILE SOURCE TARGET FORMAT``."""
    library, profile, source, target, format = arguments
    # Where the limits of the process that starts this one are lower, they stay.
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS + 1))
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (_MAX_MEMORY, _MAX_MEMORY))
    return convert(Path(library), Path(profile), Path(source), Path(target), format)


if __name__ == "__main__":
    # Threads of LibreOffice may outlive the conversion, and nothing is left to be tidied up.
    os._exit(main(sys.argv[1:]))
