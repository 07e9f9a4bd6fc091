"""CSV files that are dropped into a folder."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lineal_edge.sources.csv_table import CsvSettings, CsvTable, find_header
from lineal_edge.sources.drop_folder import DONE, FAILED, DropFolder, DroppedFile
from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.line_reader import LineReader
from lineal_edge.sources.source import Sample, SourceCounts

log = logging.getLogger(__name__)


class FolderSource(CsvSettings):
    """CSV files in a folder; taken ones go to ``done`` in it, those without a row to ``failed``."""

    kind: Literal["folder"]
    folder: Path
    pattern: str = "*.csv"
    quiet_seconds: Annotated[float, Field(ge=0)] = 2.0
    """Seconds without a write after which a file is whole."""
    poll: Annotated[float, Field(gt=0)] = 1.0
    """Seconds between looks for new files."""


class CsvFolder:
    """The rows of files as they are dropped, file by file, the oldest first."""

    def __init__(self, settings: FolderSource) -> None:
        """
        Raises:
            BadMachine: the machine file cannot be used.
            OSError, ValueError: there is no such folder; or no channels are named, and there is no
                file to take them from.
        """
        self.counts = SourceCounts()
        self._settings = settings
        if not settings.folder.is_dir():
            raise NotADirectoryError(f"{settings.folder} is no folder: make it")
        self._folder = DropFolder(
            settings.folder,
            settings.pattern,
            quiet_seconds=settings.quiet_seconds,
            poll=settings.poll,
        )
        example = next(iter(sorted(settings.folder.glob(settings.pattern))), None)
        self._columns = settings.columns(example)
        self._closed = threading.Event()
        self._reading: deque[DroppedFile] = deque()
        """Files of which there are rows that are not committed yet, the oldest first."""

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(self._columns)

    @property
    def name(self) -> str:
        return f"folder:{self._settings.folder.absolute()}"

    def close(self) -> None:
        self._closed.set()

    def samples(self, after: str | None) -> Iterator[Sample]:
        begun, offset, last = json.loads(after) if after else (None, 0, False)
        for file in self._folder.files(self._closed):
            if file.identity == begun and last:
                self._folder.archive(file, DONE)  # killed between the commit and this
                continue
            taken = 0
            for sample in self._rows(file, offset if file.identity == begun else 0):
                taken += 1
                yield sample
            if self._closed.is_set():
                return
            if not taken and file.identity != begun:
                log.error("%s has no row that can be read", file.path)
                self._folder.archive(file, FAILED)
            elif not taken:
                self._folder.archive(file, DONE)

    def committed(self, position: str) -> None:
        identity, _, last = json.loads(position)
        while self._reading and (self._reading[0].identity != identity or last):
            file = self._reading.popleft()
            self._folder.archive(file, DONE)
            if file.identity == identity:
                return

    def _rows(self, file: DroppedFile, offset: int) -> Iterator[Sample]:
        """The rows of a file behind a byte; the position of the last one says that it is."""
        with file.path.open("rb") as data:
            reader = LineReader(data, self._settings.encoding)
            header = find_header(
                reader.lines(0, to_end=True), self._columns.values(), self._settings
            )
            table = None if header is None else CsvTable(header.text, self._columns, self._settings)
            if header is None or table is None or table.missing:
                wanted = ", ".join(self._columns.values() if table is None else table.missing)
                there = "" if table is None else f", but {', '.join(table.names)}"
                log.error("%s has no column %s%s", file.path, wanted, there)
                return
            held: Sample | None = None
            for line in reader.lines(header.end, to_end=True):
                if self._closed.is_set():
                    return
                if not line.text.strip() or line.end <= offset or table.is_header(line.text):
                    continue
                row = table.row(line.text)
                if row is None:
                    self.counts.bad_lines += 1
                    continue
                if held is None:
                    self._reading.append(file)
                else:
                    yield held
                held = Sample(row.values, row.wall_us, json.dumps([file.identity, line.end, False]))
            if held is not None:
                identity, end, _ = json.loads(held.position)
                yield held._replace(position=json.dumps([identity, end, True]))


def _open(settings: FolderSource, _device: str) -> CsvFolder:
    return CsvFolder(settings)


KIND = SourceKind(FolderSource, _open)
