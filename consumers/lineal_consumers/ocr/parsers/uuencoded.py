"""Files that stand in a text as uuencode writes them: how mails held files before MIME.

Source: POSIX.1, uuencode.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

_BEGIN = re.compile(rb"begin(-base64)? [0-7]{3,4} ([^\r\n]{1,255}?)[ \t]*\r?\n?\Z")
_MAX_FILES = 500


class TextPart(NamedTuple):
    """A piece of a text, or a file in it."""

    name: str
    """Of the file; empty for text."""
    data: bytes


def split_uuencoded(text: bytes) -> list[TextPart]:
    """A text without the files in it, and the files, in their order; the text alone where it has
    none. A file without an end is one as far as it goes."""
    if b"begin" not in text:
        return [TextPart("", text)]
    parts: list[TextPart] = []
    lines = text.splitlines(keepends=True)
    at = written = 0
    begun: _Begun | None = None
    for line in lines:
        if begun is not None and line.strip() in (b"end", b"===="):
            parts += [TextPart("", text[written : begun.at]), begun.file]
            written, begun = at + len(line), None
        elif line.startswith(b"begin") and (found := _BEGIN.match(line)):
            name = found[2].decode("utf-8", "replace")
            begun = _Begun(at, name, found[1] is not None, []) if len(parts) < _MAX_FILES else None
        elif begun is not None:
            # "begin 644 ..." may be a line of prose: the lines behind it are then none of a file.
            decoded = _decoded(line, begun.in_base64)
            if decoded is None:
                begun = None
            else:
                begun.data.append(decoded)
        at += len(line)
    if begun is not None and any(begun.data):
        parts += [TextPart("", text[written : begun.at]), begun.file]
        written = at
    return [*parts, TextPart("", text[written:])]


class _Begun(NamedTuple):
    at: int
    name: str
    in_base64: bool
    data: list[bytes]

    @property
    def file(self) -> TextPart:
        return TextPart(self.name, b"".join(self.data))


def decode_uuencoded(body: bytes) -> bytes:
    """The bytes of a body that is one encoded file; lines that are none are passed over."""
    lines = (line for line in body.splitlines() if not line.startswith((b"begin ", b"end")))
    return b"".join(_decoded(line, in_base64=False) or b"" for line in lines)


def _decoded(line: bytes, in_base64: bool) -> bytes | None:
    """The bytes of a line; None where it is none of an encoded file."""
    bare = line.rstrip(b"\r\n")
    try:
        if in_base64:
            return binascii.a2b_base64(bare, strict_mode=True)
        if not bare.strip():
            return b""
        # Some encoders fill up their lines: the length is in the first byte.
        return binascii.a2b_uu(bare[: (((bare[0] - 32) & 63) * 4 + 5) // 3])
    except binascii.Error:
        return None
