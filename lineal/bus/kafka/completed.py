"""Work done beyond the committed offset, as the metadata of that offset.

Kafka keeps a short text with every committed offset (``offset.metadata.max.bytes``, 4096 by
default). Here it says which transaction committed it, and which later offsets are done: a worker
that takes the partition over does not do them again. What does not fit is left out from the far
end, and would be done again.

Form: ``1 <transaction> <zlib of gaps and runs, base64>``; gaps and runs are numbers of offsets not
done and done by turns, each as LEB128, from the committed offset on.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Collection

MOST_BYTES = 4000
_LEAST_DROPPED = 8


def encode(committed: int, beyond: Collection[int], transaction: str) -> str:
    """The metadata of a committed offset.

    Args:
        beyond: offsets >= ``committed`` that are done.
    """
    head = f"1 {transaction} "
    if not beyond:
        return head
    runs = _runs(committed, sorted(beyond))
    room = MOST_BYTES - len(head)
    while True:
        text = base64.b64encode(zlib.compress(_packed(runs), 6)).decode()
        if len(text) <= room:
            return head + text
        keep = min(len(runs) * room // len(text), len(runs) - _LEAST_DROPPED)
        runs = runs[: max(0, keep // 2 * 2)]


def decode(committed: int, metadata: str | None) -> tuple[set[int], str]:
    """The offsets done beyond a committed offset, and the transaction that committed it.

    Metadata that another program wrote says nothing about either.
    """
    parts = (metadata or "").split(" ")
    if len(parts) != 3 or parts[0] != "1":
        return set(), ""
    try:
        numbers = _unpacked(zlib.decompress(base64.b64decode(parts[2], validate=True)))
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


def _packed(numbers: list[int]) -> bytes:
    packed = bytearray()
    for number in numbers:
        while number > 0x7F:
            packed.append(number & 0x7F | 0x80)
            number >>= 7
        packed.append(number)
    return bytes(packed)


def _unpacked(packed: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(number)
            number = shift = 0
    return numbers
