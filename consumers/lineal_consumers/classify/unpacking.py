"""Streams of a PDF unpacked up to a limit, so that what is a bomb is never whole in memory.

Source: ISO 32000-1, 7.4.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

_FLATE = ("/FlateDecode", "/Fl")
_STEP = 1 << 20
_MOST = {
    "/FlateDecode": 1032,
    "/Fl": 1032,
    "/LZWDecode": 1400,
    "/LZW": 1400,
    "/RunLengthDecode": 64,
    "/RL": 64,
}
"""What a byte becomes at most; for other filters it is one, or they make pictures."""


def unpacks_beyond(stream: pikepdf.Stream, max_bytes: int) -> bool:
    """Whether a stream has more than ``max_bytes`` when it is unpacked, or, where that cannot be
    told without doing so, could have."""
    filters = _filters(stream)
    size = _raw_size(stream)
    possible = size
    for name in filters:
        possible *= _MOST.get(name, 1)
    if possible <= max_bytes:
        return False
    data = _raw(stream)
    for at, name in enumerate(filters):
        if name in _FLATE:
            data = _inflated(data, max_bytes + 1)
            if len(data) > max_bytes:
                return True
        else:
            possible = len(data)
            for other in filters[at:]:
                possible *= _MOST.get(other, 1)
            return possible > 16 * max_bytes
    return False


def unpacked(stream: pikepdf.Stream, max_bytes: int) -> bytes:
    """The first ``max_bytes`` of a stream; nothing where it is damaged."""
    import pikepdf

    filters = _filters(stream)
    if all(name in _FLATE for name in filters) and "/DecodeParms" not in stream:
        data = _raw(stream)
        for _ in filters:
            data = _inflated(data, max_bytes)
        return data
    try:
        return stream.read_bytes()
    except (pikepdf.PdfError, NotImplementedError):
        return b""


def _filters(stream: pikepdf.Stream) -> list[str]:
    import pikepdf

    found: Any = stream.get("/Filter")
    if isinstance(found, pikepdf.Array):
        return [str(name) for name in found]
    return [] if found is None else [str(found)]


def _raw_size(stream: pikepdf.Stream) -> int:
    size: Any = stream.get("/Length")
    return size if isinstance(size, int) else len(_raw(stream))


def _raw(stream: pikepdf.Stream) -> bytes:
    import pikepdf

    try:
        return stream.read_raw_bytes()
    except pikepdf.PdfError:
        return b""


def _inflated(data: bytes, max_bytes: int) -> bytes:
    """Up to ``max_bytes``; what comes before damage counts."""
    reader = zlib.decompressobj()
    pieces: list[bytes] = []
    size = 0
    try:
        while size < max_bytes and not reader.eof and data:
            piece = reader.decompress(data, min(_STEP, max_bytes - size))
            data = reader.unconsumed_tail
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
    except zlib.error:
        pass
    return b"".join(pieces)
