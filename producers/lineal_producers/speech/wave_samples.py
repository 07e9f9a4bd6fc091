"""Reads WAV files: PCM, floats and G.711, also under the extensible header.

``wave`` of the standard library reads PCM alone: of telephones come A-law and µ-law, of recorders
and converters 24 bits under WAVE_FORMAT_EXTENSIBLE. Source: Microsoft, "Multiple Channel Audio Data
and WAVE Files"; ITU-T G.711.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from lineal.errors import LinealError

Frames = npt.NDArray[np.int16]
"""(samples, channels)"""
_PCM, _FLOAT, _A_LAW, _U_LAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_HEADER = struct.Struct("<HHIIHH")
_MAX_HEADER = 1 << 16
_SUBFORMAT = 24
"""Offset of the real format in an extensible header."""
_ENDLESS = 0xFFFFFFFF
"""The size that is written where it is not known yet."""


class NotReadable(LinealError, ValueError):
    """The file is no WAV, or has samples of another kind; says which."""


class WaveSamples:
    """A WAV file that is read bit by bit, as samples of 16 bits.

    Raises:
        NotReadable: see there.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            header, left = self._begin(path.stat().st_size)
            kind, self.channels, self.rate, _, _, bits = _HEADER.unpack_from(header)
            if kind == _EXTENSIBLE and len(header) >= _SUBFORMAT + 2:
                (kind,) = struct.unpack_from("<H", header, _SUBFORMAT)
            self._decode = _decoder(kind, bits)
            if not self.channels or not self.rate:
                raise NotReadable("it has no channel, or no samples a second")
        except Exception:
            self._file.close()
            raise
        self.bits = bits
        self._width = bits // 8 * self.channels
        self._left = left // self._width * self._width
        self.frames = self._left // self._width
        """Samples of each channel in all."""

    def read(self, count: int) -> Frames:
        """The next samples, up to so many; none at the end."""
        raw = self._file.read(min(count * self._width, self._left))
        whole = len(raw) // self._width * self._width
        self._left -= whole if whole == len(raw) else self._left
        return self._decode(raw[:whole]).reshape(-1, self.channels)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _begin(self, size: int) -> tuple[bytes, int]:
        """The header, with the file at its samples, and how many bytes of these there are."""
        if (start := self._file.read(12))[:4] != b"RIFF" or start[8:] != b"WAVE":
            raise NotReadable("it does not begin as one")
        header = b""
        while len(chunk := self._file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data" and len(header) >= _HEADER.size:
                there = size - self._file.tell()
                return header, there if length == _ENDLESS else min(length, there)
            if name == b"fmt ":
                header = self._file.read(min(length, _MAX_HEADER))
                length -= len(header)
            self._file.seek(length + (length & 1), 1)
        raise NotReadable("it has no samples")


def _decoder(kind: int, bits: int) -> Callable[[bytes], Frames]:
    if kind == _PCM and bits in (8, 16, 24, 32):
        return _from_bytes if bits == 8 else lambda raw: _upper_bits(raw, bits // 8)
    if kind == _FLOAT and bits in (32, 64):
        return lambda raw: _from_floats(raw, bits // 8)
    if kind in (_A_LAW, _U_LAW) and bits == 8:
        table = _a_law() if kind == _A_LAW else _u_law()
        return lambda raw: table.take(np.frombuffer(raw, np.uint8))
    raise NotReadable(f"its samples are of format {kind} with {bits} bits")


def _from_bytes(raw: bytes) -> Frames:
    return ((np.frombuffer(raw, np.uint8).astype(np.int16) - 128) * 256).astype(np.int16)


def _upper_bits(raw: bytes, width: int) -> Frames:
    parts = np.frombuffer(raw, np.uint8).reshape(-1, width)
    return np.ascontiguousarray(parts[:, -2:]).view("<i2").reshape(-1).astype(np.int16)


def _from_floats(raw: bytes, width: int) -> Frames:
    scaled = np.nan_to_num(np.frombuffer(raw, f"<f{width}").astype(np.float64)) * 32768
    samples: Frames = np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)
    return samples


def _u_law() -> Frames:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    size = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _a_law() -> Frames:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    part = (code >> 4) & 7
    size = ((code & 0x0F) << 4) + 8 + np.where(part > 0, 0x100, 0)
    size = size << np.maximum(part - 1, 0)
    table: Frames = np.where(code & 0x80, size, -size).astype(np.int16)
    return table
