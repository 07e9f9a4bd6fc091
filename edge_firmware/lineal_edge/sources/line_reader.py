"""Reads whole lines of a file that grows, and says at which byte each ends."""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from lineal_scoring.csv_readings import encoding_of

_CHUNK = 1 << 20
_MAX_LINE = 1 << 20
_HEAD = 256
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Line(NamedTuple):
    """A line without its end."""

    text: str
    end: int
    """The byte behind it."""


class LineReader:
    """One open file. It is followed where it goes: renaming it changes nothing here."""

    def __init__(self, file: BinaryIO, encoding: str | None = None) -> None:
        """``encoding`` None: by the file's mark, else UTF-8, else that of Windows."""
        self._file = file
        self._encoding = encoding
        self.inode = os.fstat(file.fileno()).st_ino

    @property
    def size(self) -> int:
        """Bytes in the file now."""
        return os.fstat(self._file.fileno()).st_size

    def head(self, length: int) -> str:
        """Digest of the first bytes, of which ``length`` have been read: another file that has the
        same inode begins otherwise."""
        data = os.pread(self._file.fileno(), min(_HEAD, length), 0)
        return hashlib.sha256(data).hexdigest()[:16]

    def lines(self, offset: int, *, to_end: bool = False) -> Iterator[Line]:
        """The whole lines from a byte on, until there is none; ``to_end``: with a last one that
        nobody has ended. One without an end for a megabyte is cut there."""
        for lines in self.chunks(offset, to_end=to_end):
            yield from lines

    def chunks(self, offset: int, *, to_end: bool = False) -> Iterator[list[Line]]:
        """The same lines, those together that were read at once."""
        encoding, newline, unit = self._coding()
        rest = b""
        begin = offset
        if offset == 0:
            start = os.pread(self._file.fileno(), 4, 0)
            begin = next((len(mark) for mark in _MARKS if start.startswith(mark)), 0)
        while data := os.pread(self._file.fileno(), _CHUNK, begin + len(rest)):
            rest += data
            lines: list[Line] = []
            done = 0
            while (found := _find(rest, newline, done, unit)) >= 0:
                end = found + len(newline)
                lines.append(Line(_text(rest[done:found], encoding), begin + end))
                done = end
            rest, begin = rest[done:], begin + done
            if len(rest) > _MAX_LINE:
                begin += len(rest)
                lines.append(Line(_text(rest, encoding), begin))
                rest = b""
            yield lines
        if to_end and rest.strip(b"\0\r\n\t "):
            yield [Line(_text(rest, encoding), begin + len(rest))]

    def _coding(self) -> tuple[str, bytes, int]:
        """Encoding, end of a line, and bytes that are read as one."""
        start = os.pread(self._file.fileno(), 4096, 0)
        name = self._encoding or encoding_of(start)
        if name == "utf-16":
            name = "utf-16-be" if start.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
        elif name == "utf-8-sig":
            name = "utf-8"
        newline = "\n".encode(name)
        return name, newline, len(newline)

    def close(self) -> None:
        self._file.close()


def _find(data: bytes, newline: bytes, begin: int, unit: int) -> int:
    found = data.find(newline, begin)
    while found >= 0 and (found - begin) % unit:
        found = data.find(newline, found + 1)
    return found


def _text(line: bytes, encoding: str) -> str:
    return line.decode(encoding, errors="replace").rstrip("\r").replace("\0", "")
