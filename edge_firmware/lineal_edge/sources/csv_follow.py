"""A CSV file that is followed as its logger writes it, and through its rotations."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from lineal_edge.sources.csv_table import CsvSettings, CsvTable, find_header
from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.line_reader import Line, LineReader
from lineal_edge.sources.source import Sample, SourceCounts

log = logging.getLogger(__name__)


class CsvSource(CsvSettings):
    """A CSV file that grows."""

    kind: Literal["csv"]
    file: Path
    rotated: str | None = None
    """Names of files that it becomes when it is rotated, in the same folder; ``*`` stands for
    anything. None: its own name with more behind it, such as ``log.csv.1``."""
    poll: Annotated[float, Field(gt=0)] = 0.5
    """Seconds between looks for new rows."""
    begin: Literal["beginning", "end"] = "beginning"
    """Where the very first start begins."""


class _Place(NamedTuple):
    """How far a file has been read, and how it is found again."""

    inode: int
    head: str
    """Digest of the file's first bytes, of which ``offset`` are known."""
    offset: int
    wall_us: int
    """Of the last row."""
    row: str
    """Digest of the last row."""


class CsvFollower:
    """The rows of a file as they are written.

    - A last line without its end is half-written: it is taken when the rest of it is there.
    - A renamed file is read to its end before the new one; also if that happened while nobody
      looked, as long as the old one is still in the folder, not compressed.
    - A file that is shorter than what was read of it, or begins otherwise, was written anew: it is
      read from its beginning, and rows no later than the last one are left out.
    - A row that is the same as the one before, with the same time, is left out.
    """

    def __init__(self, settings: CsvSource) -> None:
        """
        Raises:
            BadMachine: the machine file cannot be used.
            OSError, ValueError: no channels are named, and there is no file to take them from.
        """
        self.counts = SourceCounts()
        self._settings = settings
        self._path = settings.file
        self._columns = settings.columns(self._path if self._path.exists() else None)
        self._closed = threading.Event()
        self._last = _Place(0, "", 0, 0, "")
        self._rewritten = False
        self._without_header = 0
        """Inode of a file of which that was said."""

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(self._columns)

    @property
    def name(self) -> str:
        return f"csv:{self._path.absolute()}"

    def committed(self, position: str) -> None:
        pass  # a file keeps what was taken from it

    def close(self) -> None:
        self._closed.set()

    def samples(self, after: str | None) -> Iterator[Sample]:
        offset = 0
        waiting: list[Path] = []
        if after is not None:
            self._last = _Place(*json.loads(after))
            waiting, offset = self._found_again(finished=False)
        elif self._settings.begin == "end" and self._path.exists():
            offset = self._path.stat().st_size
        while not self._closed.is_set():
            for path in waiting:
                with path.open("rb") as file:
                    yield from self._file(LineReader(file, self._settings.encoding), offset)
                offset = 0
            try:
                file = self._path.open("rb")
            except FileNotFoundError:
                self._closed.wait(self._settings.poll)
                waiting = []
                continue
            with file:
                reader = LineReader(file, self._settings.encoding)
                rewritten = yield from self._file(reader, offset, follow=True)
            waiting, offset = self._found_again(finished=not rewritten)

    def _found_again(self, *, finished: bool) -> tuple[list[Path], int]:
        """Rotated files that have to be read first, the oldest first, and where the first file
        that is read goes on. ``finished``: nothing is missing of the file that was read last."""
        last = self._last
        if self._path.exists() and _is_same(self._path, last):
            return [], last.offset
        pattern = self._settings.rotated or f"{self._path.name}?*"
        others = [path for path in self._path.parent.glob(pattern) if path != self._path]
        others.sort(key=lambda path: path.stat().st_mtime_ns)
        for index, path in enumerate(others):
            if _is_same(path, last):
                log.info("%s was rotated to %s, which is read to its end", self._path, path)
                return others[index:], last.offset
        if not finished:
            log.warning(
                "%s is not as it was read before, and no file %s is: what was written in between "
                "is not read",
                self._path,
                pattern,
            )
            self._rewritten = True
        return [], 0

    def _file(
        self, reader: LineReader, offset: int, *, follow: bool = False
    ) -> Generator[Sample, None, bool]:
        """The rows of one open file from a byte on; with ``follow`` until it is another file that
        has its name, or it was written anew. Whether it was written anew."""
        table: CsvTable | None = None
        ended = not follow
        known = (offset, reader.head(offset))
        while not self._closed.is_set():
            if table is None:
                table, header_end = self._table(reader)
                offset = max(offset, header_end)
            if table is not None:
                for lines in reader.chunks(offset, to_end=ended):
                    # looked at behind each read: what was read is of the file that is known
                    if _is_otherwise(reader, known):
                        return self._written_anew()
                    if lines:
                        known = (lines[-1].end, reader.head(lines[-1].end))
                    for line in lines:
                        offset = line.end
                        yield from self._row(reader, table, line)
            if ended:
                return False
            self._closed.wait(self._settings.poll)
            if reader.size < offset or _is_otherwise(reader, known):
                return self._written_anew()
            # once more to its end after it was renamed: its logger may have written until then
            ended = self._renamed(reader)
        return False

    def _written_anew(self) -> bool:
        log.warning("%s was written anew: it is read from its beginning", self._path)
        return True

    def _table(self, reader: LineReader) -> tuple[CsvTable | None, int]:
        line = find_header(reader.lines(0), self._columns.values(), self._settings)
        if line is None:
            self._say_without_header(reader)
            return None, 0
        table = CsvTable(line.text, self._columns, self._settings, after_us=self._last.wall_us)
        if table.missing:
            log.error(
                "%s has no column %s: these channels have no values; there are: %s",
                self._path,
                ", ".join(table.missing),
                ", ".join(table.names),
            )
        return table, line.end

    def _say_without_header(self, reader: LineReader) -> None:
        """Once for each file, and only of one that has lines."""
        first = next((line.text for line in reader.lines(0) if line.text.strip()), None)
        if first is None or reader.inode == self._without_header:
            return
        self._without_header = reader.inode
        wanted = ", ".join(self._columns.values())
        log.error("%s has no header with %s, but begins: %s", self._path, wanted, first[:200])

    def _row(self, reader: LineReader, table: CsvTable, line: Line) -> Iterator[Sample]:
        if not line.text.strip() or table.is_header(line.text):
            return
        row = table.row(line.text)
        if row is None:
            self.counts.bad_lines += 1
            log.debug("bad row: %s", line.text[:200])
            return
        digest = hashlib.sha256(line.text.encode()).hexdigest()[:16]
        if row.wall_us is not None:
            known = self._rewritten and row.wall_us <= self._last.wall_us
            if known or (row.wall_us == self._last.wall_us and digest == self._last.row):
                self.counts.duplicates += 1
                return
        self._rewritten = False
        place = _Place(
            reader.inode, reader.head(line.end), line.end, row.wall_us or 0, digest
        )  # fmt: skip
        self._last = place
        yield Sample(row.values, row.wall_us, json.dumps(place))

    def _renamed(self, reader: LineReader) -> bool:
        try:
            return self._path.stat().st_ino != reader.inode
        except FileNotFoundError:
            # renamed, and the new one is not there yet: its logger may still write to the old
            return False


def _is_otherwise(reader: LineReader, known: tuple[int, str]) -> bool:
    """Whether a file does not begin any more as it did when so many bytes were read of it."""
    return reader.head(known[0]) != known[1]


def _is_same(path: Path, place: _Place) -> bool:
    """Whether this is the file that was read: by its beginning, as copies and restored files have
    other inodes."""
    with path.open("rb") as file:
        reader = LineReader(file)
        return reader.size >= place.offset and reader.head(place.offset) == place.head


def _open(settings: CsvSource, _device: str) -> CsvFollower:
    return CsvFollower(settings)


KIND = SourceKind(CsvSource, _open)
