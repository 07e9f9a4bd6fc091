"""Out-of-order acks: offsets done beyond the committed offset, in the metadata of that offset.

Kafka keeps a short text with every committed offset (``offset.metadata.max.bytes``, 4096 by
default). Here it names the transaction that committed the offset, and which later offsets are done:
the next owner of the partition does not process them again. What does not fit is left out from the
far end, and would be processed again.

Form: ``1 <transaction> <zlib of gaps and runs, base64>``; gaps and runs are numbers of offsets not
done and done by turns, each as LEB128, from the committed offset on.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Collection

MAX_BYTES = 4000
_MIN_DROPPED = 8


def encode_metadata(committed: int, acked: Collection[int], transaction: str) -> str:
    """The metadata of a committed offset.

    Args:
        acked: offsets >= ``committed`` that are done.
    """
    head = f"1 {transaction} "
    if not acked:
        return head
    runs = _runs(committed, sorted(acked))
    max_text = MAX_BYTES - len(head)
    while True:
        text = base64.b64encode(zlib.compress(_pack(runs), 6)).decode()
        if len(text) <= max_text:
            return head + text
        keep = min(len(runs) * max_text // len(text), len(runs) - _MIN_DROPPED)
        runs = runs[: max(0, keep // 2 * 2)]


def decode_metadata(committed: int, metadata: str | None) -> tuple[set[int], str]:
    """The offsets done beyond a committed offset, and the transaction that committed it.

    Metadata of other programs gives neither.
    """
    parts = (metadata or "").split(" ")
    if len(parts) != 3 or parts[0] != "1":
        return set(), ""
    try:
        numbers = _unpack(zlib.decompress(base64.b64decode(parts[2], validate=True)))
    except (binascii.Error, zlib.error):
        return set(), parts[1]
    done: set[int] = set()
    offset = committed
    for index, number in enumerate(numbers):
        if index % 2:
            done.update(range(offset, offset + number))
        offset += number
    return done, parts[1]


def _runs(start: int, offsets: list[int]) -> list[int]:
    """Numbers of offsets not done and done, by turns."""
    numbers: list[int] = []
    expected = start
    run = 0
    for offset in offsets:
        if offset == expected and numbers:
            run += 1
        else:
            if numbers:
                numbers.append(run)
            numbers.append(offset - expected)
            run = 1
        expected = offset + 1
    numbers.append(run)
    return numbers


def _pack(numbers: list[int]) -> bytes:
    packed = bytearray()
    for number in numbers:
        while number > 0x7F:
            packed.append(number & 0x7F | 0x80)
            number >>= 7
        packed.append(number)
    return bytes(packed)


def _unpack(packed: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(number)
            number = shift = 0
    return numbers
