"""Whether the contents of a PDF page are whole: viewers draw what comes before damage, and say
nothing. Source: ISO 32000-1, 7.4.4 and 7.8.2; RFC 1951."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pikepdf

_FLATE = ("/FlateDecode", "/Fl")
_HEADER = 2
"""Bytes of zlib before what is packed. The sum behind it is not asked for: some programs that
write PDFs leave it out or get it wrong, and nothing is lost by that."""
_MAX_BYTES = 64 << 20
_STEP = 1 << 20


def has_damaged_stream(page: Any) -> bool:
    """Whether one of the content streams of a page (a dictionary of pikepdf) is cut off."""
    return any(_ends_early(stream) for stream in _contents(page))


def _contents(page: Any) -> Iterator[pikepdf.Stream]:
    import pikepdf

    contents = page.get("/Contents")
    streams = [contents] if isinstance(contents, pikepdf.Stream) else contents
    if isinstance(streams, (list, pikepdf.Array)):
        yield from (stream for stream in streams if isinstance(stream, pikepdf.Stream))


def _ends_early(stream: pikepdf.Stream) -> bool:
    import pikepdf

    stated: Any = stream.get("/Filter")
    filters = list(stated) if isinstance(stated, pikepdf.Array) else [stated]
    if len(filters) != 1 or str(filters[0]) not in _FLATE:
        return False
    try:
        data = stream.read_raw_bytes()
    except pikepdf.PdfError:
        return True
    if not data:
        return False  # nothing is packed there, and nothing missing
    reader = zlib.decompressobj(-zlib.MAX_WBITS)
    packed, size = data[_HEADER:], 0
    try:
        while packed and not reader.eof and size < _MAX_BYTES:
            size += len(reader.decompress(packed, _STEP))
            packed = reader.unconsumed_tail
    except zlib.error:
        return True
    return not reader.eof and size < _MAX_BYTES
