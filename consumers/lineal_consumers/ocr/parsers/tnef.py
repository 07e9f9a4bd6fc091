"""``winmail.dat``: what Outlook packs mails into for its own kind (TNEF).

Source: MS-OXTNEF: attributes, each with a checksum, of which two hold MAPI properties.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.packed_rich_text import text_of_packed

_SIGNATURE = 0x223E9F78
_BODY, _MESSAGE_PROPERTIES = 0x0002800C, 0x00069003
_BEGIN_ATTACHMENT, _TITLE, _DATA, _ATTACHMENT_PROPERTIES = (
    0x00069002, 0x00018010, 0x0006800F, 0x00069005,
)  # fmt: skip
_PLAIN, _RICH, _HTML = 0x1000, 0x1009, 0x1013
_LONG_NAME, _OBJECT = 0x3707, 0x3701
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}
"""Bytes of a value of each type, filled up to four."""
_MANY = 0x1000
_STRING, _WIDE, _BINARY, _EMBEDDED = 0x1E, 0x1F, 0x102, 0xD
_EMBEDDED_ID = 16
"""Bytes of the interface's identifier before an embedded object."""
_MAX_PROPERTIES = 100_000
_MAX_FILES = 5_000


class TnefFile(NamedTuple):
    """A file in a ``winmail.dat``."""

    name: str
    data: bytes


class Tnef(NamedTuple):
    """The text and files of a ``winmail.dat``, which its mail may lack."""

    plain: str
    html: bytes
    files: list[TnefFile]
    """Embedded messages are among them, in the same format."""


class _Attribute(NamedTuple):
    kind: int
    data: bytes


def is_tnef(data: bytes) -> bool:
    """Whether some bytes are in this format."""
    return data[:4] == struct.pack("<I", _SIGNATURE)


def read_tnef(data: bytes) -> Tnef:
    """Text and files of a ``winmail.dat``; of a damaged one what stands before the damage."""
    plain, html, rich = "", b"", b""
    files: list[TnefFile] = []
    for attribute in _attributes(data):
        if attribute.kind == _BODY:
            plain = plain or decode(attribute.data)[0]
        elif attribute.kind == _MESSAGE_PROPERTIES:
            for tag, value in _properties(attribute.data):
                if tag == _PLAIN:
                    plain = _text(value) or plain
                elif tag == _HTML:
                    html = value.data
                elif tag == _RICH:
                    rich = value.data
        elif attribute.kind == _BEGIN_ATTACHMENT:
            if len(files) == _MAX_FILES:
                break
            files.append(TnefFile("", b""))
        elif files:
            files[-1] = _with(files[-1], attribute)
    plain = plain.strip("\0")
    if rich and not plain.strip() and not html:
        plain = text_of_packed(rich)
    return Tnef(plain, html, files)


def _with(file: TnefFile, attribute: _Attribute) -> TnefFile:
    """A file, and what an attribute says of it."""
    if attribute.kind == _TITLE:
        return file._replace(name=file.name or decode(attribute.data)[0].strip("\0"))
    if attribute.kind == _DATA:
        return file._replace(data=attribute.data)
    if attribute.kind == _ATTACHMENT_PROPERTIES:
        for tag, value in _properties(attribute.data):
            if tag == _LONG_NAME and (name := _text(value).strip("\0")):
                file = file._replace(name=name)
            elif tag == _OBJECT and not file.data:
                skipped = _EMBEDDED_ID if value.type == _EMBEDDED else 0
                file = file._replace(data=value.data[skipped:])
    return file


def _attributes(data: bytes) -> Iterator[_Attribute]:
    at = 6
    while at + 9 <= len(data):
        _, kind, length = struct.unpack_from("<BII", data, at)
        at += 9
        if at + length > len(data):
            return
        yield _Attribute(kind, data[at : at + length])
        at += length + 2


class _Value(NamedTuple):
    type: int
    data: bytes


def _properties(data: bytes) -> Iterator[tuple[int, _Value]]:
    """The tags of MAPI properties, and the first value of each."""
    if len(data) < 4:
        return
    (count,) = struct.unpack_from("<I", data)
    at = 4
    try:
        for _ in range(min(count, _MAX_PROPERTIES)):
            kind, tag = struct.unpack_from("<HH", data, at)
            at += 4
            if tag >= 0x8000:
                at = _after_name(data, at)
            many, kind = bool(kind & _MANY), kind & ~_MANY
            values = 1
            if many or kind in (_STRING, _WIDE, _BINARY, _EMBEDDED):
                (values,) = struct.unpack_from("<I", data, at)
                at += 4
            first = b""
            for number in range(values):
                size, padded = _FIXED.get(kind, 0), _FIXED.get(kind, 0)
                if not size:
                    (size,) = struct.unpack_from("<I", data, at)
                    at += 4
                    padded = -(-size // 4) * 4
                if at + size > len(data):
                    return
                if number == 0:
                    first = data[at : at + size]
                at += padded
            yield tag, _Value(kind, first)
    except struct.error:
        return


def _after_name(data: bytes, at: int) -> int:
    """Where the value of a property begins that has a name of its own."""
    (kind,) = struct.unpack_from("<I", data, at + 16)
    at += 20
    (number,) = struct.unpack_from("<I", data, at)
    at += 4
    return at + (-(-number // 4) * 4 if kind == 1 else 0)


def _text(value: _Value) -> str:
    if value.type == _WIDE:
        return value.data.decode("utf-16-le", "replace")
    return decode(value.data)[0] if value.type == _STRING else ""
