"""A source that plays a CSV file as if it were measured now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.pace import Pace
from lineal_edge.sources.settings import SourceSettings
from lineal_edge.sources.source import SourceCounts
from lineal_scoring.csv_readings import detect_layout
from lineal_scoring.machine import read_machine

_log = logging.getLogger(__name__)


class ReplaySource(SourceSettings):
    """A CSV file, played from its beginning as if it were measured now."""

    kind: Literal["replay"]
    file: Path
    machine: Path | None = None
    """A machine file, as ``lineal machine new`` makes it: which columns are read, what they are
    called from here on, and how many a second; instead of ``features``."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Readings a second; none: as the machine file says, or one."""
    features: tuple[str, ...] | None = None
    repeat: bool = True

    @model_validator(mode="after")
    def _one_of_both(self) -> ReplaySource:
        if self.machine is not None and self.features is not None:
            raise ValueError("machine and features: name one of the two")
        return self


class CsvReplay:
    """The readings in a CSV file with a header, row by row.

    Rows of another length or with a text where a number belongs are bad lines; an empty field,
    ``null`` and the like are missing values. Columns that are left out are named in the log.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: float | None,
        features: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        repeat: bool = False,
    ) -> None:
        """``rate`` is in readings a second, None plays as fast as it is read; ``features`` names
        columns, None takes all that hold readings; ``names`` is what they are called from here on,
        None: as in the file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it has no header, or not the columns asked for.
        """
        self.counts = SourceCounts()
        self._path = path
        self._repeat = repeat
        self._closed = threading.Event()
        self._pace = Pace(rate, self._closed)
        self._layout = layout = detect_layout(path)
        columns = tuple(layout.columns if features is None else features)
        missing = [name for name in columns if name not in layout.header]
        if missing or not columns:
            there = ", ".join(layout.header)
            raise ValueError(
                f"{path} has no column {', '.join(missing) or 'of numbers'}; there are: {there}"
            )
        self.features = columns if names is None else tuple(names)
        for left_out in layout.left_out if features is None else ():
            _log.warning("%s: column %s is left out: %s", path, left_out.column, left_out.why)
        self._width = len(layout.header)
        self._columns = [layout.header.index(name) for name in columns]

    def readings(self) -> Iterator[tuple[float, ...]]:
        while not self._closed.is_set():
            for row in self._layout.rows(self._path):
                values = self._values(row)
                if values is None:
                    self.counts.bad_lines += 1
                    continue
                if not self._pace.wait():
                    return
                yield values
            if not self._repeat:
                return

    def close(self) -> None:
        self._closed.set()

    def _values(self, row: list[str]) -> tuple[float, ...] | None:
        if len(row) != self._width:
            return None
        numbers = [self._layout.number(row[column]) for column in self._columns]
        if any(number is None for number in numbers):
            return None
        return tuple(number for number in numbers if number is not None)


def _open(settings: ReplaySource, _device: str) -> CsvReplay:
    machine = None if settings.machine is None else read_machine(settings.machine)
    return CsvReplay(
        settings.file,
        rate=settings.rate or (1.0 if machine is None else machine.rate_hz),
        features=settings.features if machine is None else machine.columns,
        names=None if machine is None else tuple(machine.channels),
        repeat=settings.repeat,
    )


KIND = SourceKind(ReplaySource, _open)
