"""A source that plays a CSV file as if it were measured now."""

from __future__ import annotations

import csv
import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from lineal_edge.sources.pace import Pace
from lineal_edge.sources.source import SourceCounts


class CsvReplay:
    """The numeric columns of a CSV file with a header, row by row.

    Rows of another length or with a text where a number belongs are bad lines; an empty field is a
    missing value.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: float | None,
        features: Sequence[str] | None = None,
        delimiter: str | None = None,
        repeat: bool = False,
    ) -> None:
        """``rate`` is in readings a second, None plays as fast as it is read; ``features`` names
        columns, None takes all whose first value is a number; ``delimiter`` None takes whichever
        of ``;`` and ``,`` the header has more of.

        Raises:
            OSError: the file cannot be read.
            ValueError: it has no header, or not the columns asked for.
        """
        self.counts = SourceCounts()
        self._path = path
        self._repeat = repeat
        self._closed = threading.Event()
        self._pace = Pace(rate, self._closed)
        with path.open(newline="", encoding="utf-8") as file:
            first = file.readline()
            self._delimiter = delimiter or max(";,", key=first.count)
            header = next(csv.reader([first], delimiter=self._delimiter), [])
            sample = next(csv.reader(file, delimiter=self._delimiter), [])
        if not header:
            raise ValueError(f"{path} has no header")
        numeric = [name for name, value in zip(header, sample, strict=False) if _is_number(value)]
        self.features = tuple(numeric if features is None else features)
        missing = [name for name in self.features if name not in header]
        if missing or not self.features:
            raise ValueError(f"{path} has no column {', '.join(missing) or 'of numbers'}")
        self._width = len(header)
        self._columns = [header.index(name) for name in self.features]

    def readings(self) -> Iterator[tuple[float, ...]]:
        while not self._closed.is_set():
            with self._path.open(newline="", encoding="utf-8", errors="replace") as file:
                rows = csv.reader(file, delimiter=self._delimiter)
                next(rows, None)
                for row in rows:
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
        try:
            numbers = [float(row[column] or "nan") for column in self._columns]
        except ValueError:
            return None
        return tuple(number if math.isfinite(number) else math.nan for number in numbers)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
