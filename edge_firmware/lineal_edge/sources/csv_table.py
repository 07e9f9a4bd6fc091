"""Turns rows of a CSV file into values of channels and the time they were measured."""

from __future__ import annotations

import csv
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field, model_validator

from lineal_edge.sources.line_reader import Line
from lineal_edge.sources.settings import ChannelSettings, ChannelSource, channels_of
from lineal_edge.sources.timestamps import TimeParser
from lineal_scoring.csv_readings import (
    delimiter_of,
    detect_layout,
    distinct,
    is_time_name,
    number,
)

log = logging.getLogger(__name__)

NO_TIME = "none"
_HEAD_LINES = 50


class Column(ChannelSource):
    """The column that holds a channel."""

    named_by: ClassVar[str | None] = "column"

    column: str | None = None
    """Its name in the header; none: the channel's."""


class CsvSettings(ChannelSettings):
    """How a CSV file is written. What is not stated is found out from its header and first row."""

    channels: dict[str, Column] = Field(default_factory=dict)
    """Beside ``machine``: none of both takes all columns of a file that is there."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str | None = None
    """None: by the file's mark, else UTF-8, else that of Windows (cp1252)."""
    time: str | tuple[str, str] | None = None
    """The column that says when a row was measured, or two, of the day and of the time of day;
    none: the first that holds days with times of day, or two beside each other. ``"none"``: rows
    are of the moment in which they are read."""
    time_format: str | None = None
    """Of that column, as strptime takes it; none: ISO 8601, day.month.year, or seconds or
    milliseconds since 1970."""
    zone: str | None = None
    """Of times that name none, such as ``Europe/Berlin``; none: the device's own."""

    @model_validator(mode="after")
    def _is_known(self) -> CsvSettings:
        TimeParser(self.zone, self.time_format)
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError as error:
                raise ValueError(f"encoding: there is no {self.encoding!r}") from error
        return self

    def columns(self, example: Path | None) -> dict[str, str]:
        """The channels, and in which column each is.

        Raises:
            BadMachine: the machine file cannot be used.
            ValueError: no channels are named, and there is no example to take them from.
            OSError: the example cannot be read.
        """
        given = channels_of(self, self.channels, Column)
        if given:
            return {name: column.column or name for name, column in given.items()}
        if example is None:
            raise ValueError("channels: name them, or a machine; there is no file yet to look at")
        layout = detect_layout(example)
        for left_out in layout.left_out:
            log.warning("%s: column %s is left out: %s", example, left_out.column, left_out.why)
        if not layout.columns:
            raise ValueError(f"{example} has no column of numbers")
        return {name: name for name in layout.columns}


class Row(NamedTuple):
    """One row of a table."""

    values: tuple[float, ...]
    wall_us: int | None
    """When it was measured; None where the file says no time."""


def find_header(
    lines: Iterable[Line], columns: Collection[str], settings: CsvSettings
) -> Line | None:
    """The line with the names of columns, below what a logger may write above it: the first that
    has all of them, or else that which has the most; None where none of the first 50 has any."""
    best, most = None, 0
    for line in islice(lines, _HEAD_LINES):
        delimiter = settings.delimiter or delimiter_of(line.text)
        names = distinct(next(csv.reader([line.text], delimiter=delimiter), []))
        there = sum(column in names for column in columns)
        if there > most:
            best, most = line, there
        if there == len(columns):
            break
    return best


class CsvTable:
    """One file's header, and what its rows mean."""

    def __init__(
        self,
        header: str,
        columns: Mapping[str, str],
        settings: CsvSettings,
        *,
        after_us: int = 0,
    ) -> None:
        """``columns``: for each channel its column. ``after_us``: the time of the row before.

        Raises:
            ValueError: the column of the time is not there.
        """
        self._delimiter = settings.delimiter or delimiter_of(header)
        # a comma between cells is none inside of them
        self._decimal = "." if self._delimiter == "," else ","
        self._header = header
        self.names = distinct(self._cells(header))
        self.missing = [name for name in columns.values() if name not in self.names]
        """Columns that are not there: their channels have no values."""
        self._indexes = [
            self.names.index(name) if name in self.names else None for name in columns.values()
        ]
        self._parser = TimeParser(settings.zone, settings.time_format, after_us=after_us)
        self._time: tuple[int, ...] = ()
        if settings.time is not None and settings.time != NO_TIME:
            wanted = (settings.time,) if isinstance(settings.time, str) else settings.time
            missing = [name for name in wanted if name not in self.names]
            if missing:
                there = ", ".join(self.names)
                raise ValueError(f"time: there is no column {missing[0]!r}; there are: {there}")
            self._time = tuple(self.names.index(name) for name in wanted)
        self._looked = settings.time is not None

    def is_header(self, line: str) -> bool:
        """Whether a line is the header once more, as loggers write it when they start."""
        return line == self._header

    def row(self, line: str) -> Row | None:
        """What a line holds; None if it is not a row of this table.

        Cells that are empty or say that they are are missing values; with another number of cells,
        a text where a number belongs or no time where one belongs it is no row.
        """
        cells = self._cells(line)
        if len(cells) != len(self.names):
            return None
        values = [
            float("nan") if index is None else number(cells[index], self._decimal)
            for index in self._indexes
        ]
        if any(value is None for value in values):
            return None
        if not self._looked:
            self._look_for_time(cells)
        wall = None
        if self._time:
            wall = self._parser.parse(" ".join(cells[index].strip() for index in self._time))
            if wall is None:
                return None
        return Row(tuple(value for value in values if value is not None), wall)

    def _look_for_time(self, cells: Sequence[str]) -> None:
        self._looked = True
        for index, cell in enumerate(cells):
            # numbers could be times, and most often are not: those are named so, or stated
            could_be = number(cell) is None or is_time_name(self.names[index])
            if index in self._indexes or not could_be:
                continue
            beside = index + 1 < len(cells) and index + 1 not in self._indexes
            if self._parser.parse(cell):
                self._time = (index,)
            elif beside and self._parser.parse(f"{cell.strip()} {cells[index + 1].strip()}"):
                self._time = (index, index + 1)
            else:
                continue
            named = ", ".join(self.names[each] for each in self._time)
            log.info("rows are of the time in column %s", named)
            return
        log.info("no column holds days with times: rows are of the moment they are read in")

    def _cells(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:  # a cell longer than the module takes
            return []
