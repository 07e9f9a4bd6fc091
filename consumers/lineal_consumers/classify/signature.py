"""The media type of some bytes, by libmagic and by what libmagic is known to get wrong."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import magic

_OF_TRANSFER = (b"HTTP/", b"Content-", b"--")
"""How what a download or an upload was wrapped in begins, where it was saved with its file."""

_CODESTREAM = b"\xff\x4f\xff\x51"
"""What JPEG 2000 begins with that stands in no file format."""


def media_type(head: bytes) -> str:
    """The media type of a file that begins with ``head``; every ZIP is ``application/zip``."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        # What is inside a ZIP is told by its directory, at the end, which libmagic does not see.
        return "application/zip"
    if head.startswith(_CODESTREAM):
        return "image/j2c"
    found = _magic().from_buffer(head)
    if found != "application/pdf" and _hidden_pdf(head):
        return "application/pdf"
    return str(found)


def _hidden_pdf(head: bytes) -> bool:
    """Whether a PDF begins behind some junk, which readers of PDF accept within 1024 bytes."""
    start = head.find(b"%PDF-", 0, 1024)
    if start < 0:
        return False
    if re.search(rb"\r?\n\r?\n", head[:start]) and not head.startswith(_OF_TRANSFER):
        # Behind an empty line it is quoted: in an e-mail after its headers, in a program.
        return False
    return re.search(rb"\d\s+\d+\s+obj\b", head[start:]) is not None


@cache
def _magic() -> magic.Magic:
    """python-magic over the libmagic of the pylibmagic wheel, or else the system's.

    pylibmagic's own hook replaces ``ctypes.CDLL.__init__`` and changes environment variables for
    the whole process; loading its library beforehand is enough for python-magic to find it.
    """
    # Where somebody has imported python-magic before, it has its library, and a database of one
    # version is not read by a library of another.
    database = None if "magic" in sys.modules else _load_wheel()
    import magic

    return magic.Magic(mime=True, magic_file=database)


def _load_wheel() -> str | None:
    """Load the library of the pylibmagic wheel, and return the path of its database."""
    wheel = find_spec("pylibmagic")
    if wheel is None or wheel.origin is None:
        return None
    folder = Path(wheel.origin).parent
    library = folder / "libmagic.so.1"
    if library.is_file():
        import ctypes

        ctypes.CDLL(str(library))
    else:
        # Only Linux finds a loaded library by its name; elsewhere the hook sets search paths.
        import_module("pylibmagic")
    return str(folder / "magic.mgc")
