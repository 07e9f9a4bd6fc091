"""Files of other programs that are embedded in a document as OLE objects (MS-OLEDS, MS-CFB).

What "insert, object, from file" makes: the file as it was, with a name (Ole10Native), or as its
program keeps it (CONTENTS of a PDF, an Office file from before 2007).
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

from lineal_consumers.ocr.parsers.decoding import decode

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NATIVE = "\x01Ole10Native"
_WHOLE = {"WordDocument": ".doc", "Workbook": ".xls", "Book": ".xls", "PowerPoint Document": ".ppt",
          "__properties_version1.0": ".msg"}  # fmt: skip
_AS_IT_WAS = ("CONTENTS", "Package")
_MAX_BYTES = 100 * 1024 * 1024


class EmbeddedFile(NamedTuple):
    """A file in an OLE object."""

    name: str
    """Empty where the object does not say."""
    data: bytes


def embedded_file(data: bytes) -> EmbeddedFile | None:
    """The file in an object; None where it holds none that can be told from the object."""
    import olefile  # type: ignore[import-untyped]

    if not data.startswith(_COMPOUND):
        return None
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            for stream, ending in _WHOLE.items():
                if file.exists(stream):
                    return EmbeddedFile(f"object{ending}", data)
            if file.exists(_NATIVE):
                return _native(_stream(file, _NATIVE))
            for stream in _AS_IT_WAS:
                if file.exists(stream):
                    return EmbeddedFile("", _stream(file, stream))
    except (OSError, ValueError, IndexError, TypeError, struct.error):
        return None
    return None


def _stream(file: object, name: str) -> bytes:
    with file.openstream(name) as stream:  # type: ignore[attr-defined]
        return bytes(stream.read(_MAX_BYTES))


def _native(data: bytes) -> EmbeddedFile | None:
    """Size, kind, label, path, two numbers, path of a copy, size and bytes of the file."""
    end = data.index(0, 6)
    label = decode(data[6:end])[0]
    at = data.index(0, end + 1) + 1 + 4
    (length,) = struct.unpack_from("<I", data, at)
    at += 4 + length
    (size,) = struct.unpack_from("<I", data, at)
    at += 4
    if not size or at + size > len(data):
        return None
    return EmbeddedFile(label, data[at : at + size])
