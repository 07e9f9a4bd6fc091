"""Unpacks signed or compressed mail (S/MIME, RFC 8551); signatures are not checked.

CMS (RFC 5652, 5; RFC 3274) in BER, as mailers that do not know a length beforehand write it. Only
the way down to the content is walked; certificates and signers are passed over.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import NamedTuple

from lineal.errors import LinealError

_SIGNED = bytes.fromhex("2a864886f70d010702")
_COMPRESSED = bytes.fromhex("2a864886f70d0109100109")
_OBJECT_IDENTIFIER, _OCTETS, _SEQUENCE, _EXPLICIT = 0x06, 0x04, 0x30, 0xA0
_CONSTRUCTED = 0x20
_MAX_DEPTH = 12
_MAX_BYTES = 100 * 1024 * 1024


class _Element(NamedTuple):
    tag: int
    begin: int
    """Where its contents begin."""
    end: int
    """Where they end, also of an element that states no length."""
    after: int
    """Where the element that follows it begins."""


class _Malformed(LinealError, ValueError):
    """Not the structure that it should be."""


def signed_content(data: bytes) -> bytes | None:
    """The content of signed or compressed data; None where it is neither, as encrypted mail, or is
    damaged."""
    if data[:1] != b"\x30":
        try:
            data = base64.b64decode(data, validate=False)
        except binascii.Error:
            return None
    try:
        return _content(data)
    except (_Malformed, zlib.error, RecursionError):
        return None


def _content(data: bytes) -> bytes | None:
    kind, explicit = _typed(data, _expect(data, 0, len(data), _SEQUENCE))
    if kind not in (_SIGNED, _COMPRESSED):
        return None
    inner = _expect(data, explicit.begin, explicit.end, _SEQUENCE)
    encapsulated = None
    at = inner.begin
    while at < inner.end:
        # Version and algorithms come before it; an algorithm has no content of its own.
        element = _element(data, at, inner.end)
        if element.tag == _SEQUENCE and _has_content(data, element):
            encapsulated = element
            break
        at = element.after
    if encapsulated is None:
        return None
    _, content = _typed(data, encapsulated)
    octets = _octets(data, _element(data, content.begin, content.end))
    if kind == _SIGNED:
        return octets
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(octets, _MAX_BYTES)
    return None if unpacker.unconsumed_tail else unpacked


def _has_content(data: bytes, sequence: _Element) -> bool:
    try:
        _, content = _typed(data, sequence)
    except _Malformed:
        return False
    return data[content.begin : content.begin + 1] in (b"\x04", b"\x24")


def _typed(data: bytes, sequence: _Element) -> tuple[bytes, _Element]:
    """The type of a content, and the element that holds it."""
    kind = _expect(data, sequence.begin, sequence.end, _OBJECT_IDENTIFIER)
    held = _expect(data, kind.after, sequence.end, _EXPLICIT)
    return data[kind.begin : kind.end], held


def _octets(data: bytes, element: _Element, depth: int = 0) -> bytes:
    if element.tag == _OCTETS:
        return data[element.begin : element.end]
    if element.tag != _OCTETS | _CONSTRUCTED or depth > _MAX_DEPTH:
        raise _Malformed
    pieces = []
    at = element.begin
    while at < element.end:
        piece = _element(data, at, element.end)
        pieces.append(_octets(data, piece, depth + 1))
        at = piece.after
    return b"".join(pieces)


def _expect(data: bytes, at: int, end: int, tag: int) -> _Element:
    element = _element(data, at, end)
    if element.tag != tag:
        raise _Malformed
    return element


def _element(data: bytes, at: int, end: int, depth: int = 0) -> _Element:
    if at + 2 > end or depth > _MAX_DEPTH:
        raise _Malformed
    tag, length = data[at], data[at + 1]
    begin = at + 2
    if tag & 0x1F == 0x1F:
        raise _Malformed
    if length == 0x80 and tag & _CONSTRUCTED:
        # Up to two zeros; what stands before them is walked over.
        inside = begin
        while data[inside : inside + 2] != b"\0\0":
            inside = _element(data, inside, end, depth + 1).after
        return _Element(tag, begin, inside, inside + 2)
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[begin : begin + count])
        begin += count
    if begin + length > end:
        raise _Malformed
    return _Element(tag, begin, begin + length, begin + length)
