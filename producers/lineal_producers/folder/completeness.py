"""Whether a file has the end that its kind has.

A scanner that closes and reopens its file leaves it as it is for seconds between two pages, and no
settling time for all files would be long enough for it and short enough for everybody else.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_HEAD = 1024
_MAX_FRAMES = 10_000
_MAX_PIECES = 100_000
_TIFF_PLACES = (273, 279, 324, 325)
"""Offsets and lengths of strips and of tiles."""
_TAIL = 66_000
"""Bytes: a ZIP archive's directory may be followed by a comment of 65,535."""


def has_its_end(file: BinaryIO) -> bool:
    """Whether an open file is empty of doubt: of a kind without a fixed end, or with that end.

    Known are PDF, JPEG, PNG, GIF, TIFF, WebP, BMP and all ZIP archives. An empty file has no end
    yet. The position in the file is where it was.
    """
    before = file.tell()
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL).rstrip(b"\x00\r\n\t ")
        return size > 0 and _complete(head, tail, size, file)
    finally:
        file.seek(before)


def _complete(head: bytes, tail: bytes, size: int, file: BinaryIO) -> bool:
    if b"%PDF-" in head:
        return b"%%EOF" in tail[-2048:] or b"startxref" in tail[-2048:]
    if head.startswith(b"\xff\xd8\xff"):
        return b"\xff\xd9" in tail[-4096:]
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" in tail
    if head.startswith((b"GIF87a", b"GIF89a")):
        return tail.endswith(b";")
    if head.startswith(b"PK\x03\x04"):
        return b"PK\x05\x06" in tail
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return size >= 8 + int.from_bytes(head[4:8], "little")
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return size >= int.from_bytes(head[2:6], "little")
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return _tiff_is_whole("<" if head.startswith(b"II") else ">", size, file)
    return True


def _tiff_is_whole(order: str, size: int, file: BinaryIO) -> bool:
    """Whether every directory of a TIFF, and the data it leads to, lies in the file (TIFF 6.0,
    section 2)."""
    try:
        file.seek(4)
        (at,) = struct.unpack(f"{order}I", file.read(4))
        seen: set[int] = set()
        while at and at not in seen and len(seen) < _MAX_FRAMES:
            seen.add(at)
            file.seek(at)
            (count,) = struct.unpack(f"{order}H", file.read(2))
            entries = file.read(12 * count)
            (at,) = struct.unpack(f"{order}I", file.read(4))
            tags = {
                tag: _tiff_values(order, kind, number, value, file)
                for tag, kind, number, value in struct.iter_unpack(f"{order}HHI4s", entries)
                if tag in _TIFF_PLACES
            }
            for offsets, lengths in ((273, 279), (324, 325)):
                places = zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=False)
                if any(offset + length > size for offset, length in places):
                    return False
    except struct.error:
        return False
    return bool(seen)


def _tiff_values(
    order: str, kind: int, number: int, value: bytes, file: BinaryIO
) -> tuple[int, ...]:
    width = {3: 2, 4: 4}.get(kind, 0)
    number = min(number, _MAX_PIECES)
    if width * number > 4:
        file.seek(struct.unpack(f"{order}I", value)[0])
        value = file.read(width * number)
    return struct.unpack(f"{order}{number}{'H' if width == 2 else 'I'}", value[: width * number])
