"""The pages of an SQLite database file and its write-ahead log, read without SQLite.

SQLite refuses a whole database whose first page is damaged; the others can be read all the same.
The format: https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"SQLite format 3\0"
_DEFAULT_PAGE_SIZE = 4096
_WAL_HEADER = struct.Struct(">8I")
_WAL_FRAME = struct.Struct(">6I")
_WAL_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""With the byte order of the words that are summed up."""
_WORD = 0xFFFFFFFF


class PageFile:
    """Pages by their numbers, from 1 on: as committed last, in the file or its log."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: the database file; its write-ahead log is beside it. Neither need exist.

        Raises:
            OSError: they cannot be read.
        """
        self._file = path.open("rb") if path.exists() else None
        log = path.with_name(f"{path.name}-wal")
        self._log = log.open("rb") if log.exists() else None
        self._in_log: dict[int, int] = {}
        size = os.fstat(self._file.fileno()).st_size if self._file else 0
        self.page_size = self._find_page_size()
        self.count = self._read_log(size // self.page_size)

    def close(self) -> None:
        for file in (self._file, self._log):
            if file is not None:
                file.close()

    def page(self, number: int) -> bytes:
        """The bytes of a page.

        Raises:
            LookupError: there is none of this number, or not as a whole.
        """
        if not 1 <= number <= self.count:
            raise LookupError(f"there is no page {number}")
        found = b""
        try:
            if (at := self._in_log.get(number)) is not None and self._log:
                found = os.pread(self._log.fileno(), self.page_size, at)
            elif self._file:
                at = (number - 1) * self.page_size
                found = os.pread(self._file.fileno(), self.page_size, at)
        except OSError as error:  # a disk that cannot read a sector reads the others
            raise LookupError(f"page {number}: {error}") from error
        if len(found) != self.page_size:
            raise LookupError(f"page {number} is cut off")
        return found

    def _find_page_size(self) -> int:
        """As the log says, or else the head of the file, where it is one."""
        if self._log:
            head = os.pread(self._log.fileno(), _WAL_HEADER.size, 0)
            if len(head) == _WAL_HEADER.size:
                magic, _, size, *_ = _WAL_HEADER.unpack(head)
                if magic in _WAL_MAGIC and _is_page_size(size):
                    return int(size)
        head = os.pread(self._file.fileno(), 18, 0) if self._file else b""
        if head[:16] == MAGIC:
            size = int.from_bytes(head[16:18], "big")
            size = 65536 if size == 1 else size
            if _is_page_size(size):
                return size
        return _DEFAULT_PAGE_SIZE

    def _read_log(self, count: int) -> int:
        """Note where the log has pages, as far as it was committed; returns how many pages the
        database has then."""
        written: dict[int, int] = {}
        for number, committed, at in self._frames():
            written[number] = at
            if committed:
                count = committed
                self._in_log.update(written)
                written.clear()
        return count

    def _frames(self) -> Iterator[tuple[int, int, int]]:
        """Number of the page, pages of the database if this ends a transaction, and where it is."""
        if not self._log:
            return
        head = self._log.read(_WAL_HEADER.size)
        if len(head) < _WAL_HEADER.size:
            return
        magic, _, size, _, *salts, first, second = _WAL_HEADER.unpack(head)
        order = _WAL_MAGIC.get(magic)
        if order is None or size != self.page_size:
            return
        summed = _checksum(order, head[:24], (0, 0))
        while summed == (first, second):
            at = self._log.tell()
            frame = self._log.read(_WAL_FRAME.size + size)
            if len(frame) < _WAL_FRAME.size + size:
                return
            number, committed, *frame_salts, first, second = _WAL_FRAME.unpack_from(frame)
            if frame_salts != salts:
                return
            summed = _checksum(order, frame[:8] + frame[_WAL_FRAME.size :], summed)
            if summed == (first, second):
                yield number, committed, at + _WAL_FRAME.size


def _is_page_size(size: int) -> bool:
    return 512 <= size <= 65536 and size & (size - 1) == 0


def _checksum(order: str, data: bytes, start: tuple[int, int]) -> tuple[int, int]:
    first, second = start
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = (first + one + second) & _WORD
        second = (second + other + first) & _WORD
    return first, second
