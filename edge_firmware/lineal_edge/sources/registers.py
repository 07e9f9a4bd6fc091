"""Numbers in Modbus registers: which words a channel is, and what they mean."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from lineal_edge.sources.settings import ChannelSource

Table = Literal["holding", "input", "coil", "discrete"]
NumberType = Literal[
    "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bool"
]

_FORMATS = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d", "bool": "H",
}  # fmt: skip
MAX_WORDS = 125
MAX_BITS = 2000
"""What one request may ask for (Modbus application protocol 1.1b3)."""


class Register(ChannelSource):
    """Where a channel is among the registers of a device, and how it is written there."""

    address: Annotated[int, Field(ge=0, le=65535)]
    """Address in the protocol, from 0. What manuals call 40001 is holding register 0."""
    table: Table = "holding"
    type: NumberType = "uint16"
    byte_order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    """Of a number in several words: big-endian; words swapped; bytes within words swapped; both.
    Of one word: ``BADC`` and ``DCBA`` swap its bytes."""
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    """Of a ``bool`` in a word, the lowest is 0; none: whether the word is not zero."""
    scale: float = 1.0
    offset: float = 0.0
    """The value is number times scale plus offset."""
    missing: tuple[float, ...] = ()
    """Numbers that mean that there is no value, such as 32768; before scale and offset."""

    @model_validator(mode="after")
    def _fits(self) -> Register:
        if self.address + self.words > 65536:
            raise ValueError("address: the number would reach beyond register 65535")
        if self.bit is not None and self.type != "bool":
            raise ValueError("bit: only a bool is a bit of a word")
        return self

    @property
    def of_bits(self) -> bool:
        """Whether it is in a table of bits."""
        return self.table in ("coil", "discrete")

    @property
    def words(self) -> int:
        """Registers (or bits, in a table of bits) that the number takes."""
        return 1 if self.of_bits else max(1, struct.calcsize(f">{_FORMATS[self.type]}") // 2)

    def value(self, words: Sequence[int]) -> float:
        """What these registers say; NaN where they say that there is no value."""
        if self.of_bits:
            number = float(bool(words[0]))
        elif self.type == "bool":
            word = self._ordered(words)[0]
            number = float(bool(word) if self.bit is None else word >> self.bit & 1)
        else:
            ordered = self._ordered(words)
            data = struct.pack(f">{len(ordered)}H", *ordered)
            number = float(struct.unpack(f">{_FORMATS[self.type]}", data)[0])
        if number in self.missing or not math.isfinite(number):
            return math.nan
        return number * self.scale + self.offset

    def _ordered(self, words: Sequence[int]) -> list[int]:
        ordered = list(words)
        if self.byte_order in ("CDAB", "DCBA"):
            ordered.reverse()
        if self.byte_order in ("BADC", "DCBA"):
            ordered = [(word & 0xFF) << 8 | word >> 8 for word in ordered]
        return ordered


class Request(NamedTuple):
    """Registers that are asked for at once, and the channels in them."""

    table: Table
    begin: int
    size: int
    channels: tuple[str, ...]


def requests(channels: Mapping[str, Register], max_gap: int) -> list[Request]:
    """As few requests as possible: registers of a table that lie together are one, across up to
    ``max_gap`` that nobody asked for."""
    found: list[Request] = []
    by_place = sorted(channels, key=lambda name: (channels[name].table, channels[name].address))
    for name in by_place:
        one = channels[name]
        end = one.address + one.words
        last = found[-1] if found else None
        limit = MAX_BITS if one.of_bits else MAX_WORDS
        if (
            last is not None
            and last.table == one.table
            and one.address <= last.begin + last.size + max_gap
            and max(end, last.begin + last.size) - last.begin <= limit
        ):
            size = max(end - last.begin, last.size)
            found[-1] = Request(last.table, last.begin, size, (*last.channels, name))
        else:
            found.append(Request(one.table, one.address, one.words, (name,)))
    return found
