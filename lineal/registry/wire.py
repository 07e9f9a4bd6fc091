"""The wire format of Confluent's serializers: a zero byte, the schema's id in four bytes, the data.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/#wire-format.
Of Protobuf, the path to the message within its file stands before the data: a count and as many
indexes, as zigzag varints; a lone zero is the first message.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from lineal.registry.errors import MalformedMessage

_HEADER = struct.Struct(">bI")
_MAX_INDEXES = 64


def frame(schema_id: int, data: bytes) -> bytes:
    """Data behind its header."""
    return _HEADER.pack(0, schema_id) + data


def split_frame(message: bytes) -> tuple[int, bytes]:
    """The schema's id and the data.

    Raises:
        MalformedMessage
    """
    if len(message) < _HEADER.size or message[0] != 0:
        raise MalformedMessage("the message does not begin with a schema registry's header")
    return _HEADER.unpack_from(message)[1], message[_HEADER.size :]


def frame_indexes(indexes: Sequence[int], data: bytes) -> bytes:
    """Protobuf data behind the path to its message."""
    if list(indexes) == [0]:
        return b"\0" + data
    return b"".join(_varint(number) for number in (len(indexes), *indexes)) + data


def read_indexes(data: bytes) -> tuple[list[int], bytes]:
    """The path to the message, and the data.

    Raises:
        MalformedMessage
    """
    count, place = _read_varint(data, 0)
    if count == 0:
        return [0], data[place:]
    if not 0 < count <= _MAX_INDEXES:
        raise MalformedMessage(f"a message cannot be {count} messages deep")
    indexes = []
    for _ in range(count):
        index, place = _read_varint(data, place)
        indexes.append(index)
    return indexes, data[place:]


def _varint(number: int) -> bytes:
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    digits = bytearray()
    while rest > 0x7F:
        digits.append(rest & 0x7F | 0x80)
        rest >>= 7
    digits.append(rest)
    return bytes(digits)


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 35, 7):
        if place >= len(data):
            break
        digit = data[place]
        place += 1
        number |= (digit & 0x7F) << shift
        if digit < 0x80:
            return (number >> 1) ^ -(number & 1), place
    raise MalformedMessage("the path to the message is cut off or too long")
