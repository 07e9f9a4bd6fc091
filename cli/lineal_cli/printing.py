"""Prints answers as tables, as tab-separated lines in a pipe, or as JSON.

rich is imported only where there is a terminal to draw on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import typer

if TYPE_CHECKING:
    from rich.console import Console

STATUS_STYLES = {
    "registered": "cyan", "processing": "yellow", "indexed": "green", "rejected": "magenta",
    "failed": "bold red", "done": "green", "memoised": "cyan", "skipped": "dim", "duplicate": "dim",
    "delayed": "yellow",
}  # fmt: skip
MODEL_STYLES = {
    "in use": "green", "previous": "cyan", "passed": "yellow", "failed": "red", "retired": "dim",
}  # fmt: skip

_SHORT = 20
_ROOM = 16
_GAP = 2
"""Columns with no longer cells are not broken over lines if that leaves the others so much."""

_BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""They turn the order of what follows: `invoice\u202efdp.exe` is shown as `invoiceexe.pdf`."""
_CONTROLS = dict.fromkeys(
    (*range(32), *range(127, 160), *_BIDIRECTIONAL), "\N{REPLACEMENT CHARACTER}"
)
_CONTROLS_BUT_LAYOUT = {code: mark for code, mark in _CONTROLS.items() if chr(code) not in "\t\n\f"}


def on_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def short_id(identifier: str) -> str:
    """A short form of an id on a terminal; all of it in a pipe."""
    return identifier[:13] if on_terminal() else identifier


def plain(text: str) -> str:
    """Text without control characters, since file names and contents may hold escape sequences."""
    return text.translate(_CONTROLS)


def plain_lines(text: str) -> str:
    """The same, with its lines and pages left as they are."""
    return text.translate(_CONTROLS_BUT_LAYOUT)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def write_bytes(data: bytes) -> None:
    """Bytes to standard output, after what was printed before, and on their way at once."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def console(*, stderr: bool = False) -> Console:
    """A rich console that takes no markup from what it prints."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[str] = frozenset(),
    styles: Mapping[str, str] | None = None,
    empty: str = "",
) -> None:
    """A table; in a pipe, a line of names and a line a row, separated by tabs.

    On a terminal columns without content are left out, and long texts give way to short ones
    where it is narrow: an id that is broken over two lines cannot be copied.

    Args:
        right: columns aligned to the right.
        styles: by cell text, how it is coloured.
        empty: what a person is told where there are no rows.
    """
    if not on_terminal():
        lines = ("\t".join(plain(cell) for cell in row) for row in (columns, *rows))
        write_bytes("".join(f"{line}\n" for line in lines).encode())
        return
    if not rows and empty:
        typer.echo(empty, err=True)
        return
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    widths = {
        place: max(len(columns[place]), *(cell_len(row[place]) for row in rows)) for place in kept
    }
    short = {place for place in kept if widths[place] <= _SHORT}
    out = console()
    needed = sum(widths[place] + _GAP if place in short else _ROOM + _GAP for place in kept)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for place in kept:
        table.add_column(
            columns[place].replace("_", " "),
            justify="right" if columns[place] in right else "left",
            overflow="fold",
            no_wrap=place in short and needed <= out.width,
        )
    for row in rows:
        cells = [row[place] for place in kept]
        table.add_row(*(Text(plain(cell), (styles or {}).get(cell, "")) for cell in cells))
    out.print(table)


def when(us: int) -> str:
    """A time for people: local, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(us // 1_000_000))


def recently(us: int) -> str:
    """A short form on a terminal: the time if it was today, else the day; all of it in a pipe."""
    if not on_terminal():
        return when(us)
    day, _, time_of_day = when(us).partition(" ")
    return time_of_day if day == time.strftime("%Y-%m-%d") else day


def clock(us: int) -> str:
    """The time of day: local, to the millisecond."""
    return f"{time.strftime('%H:%M:%S', time.localtime(us // 1_000_000))}.{us // 1000 % 1000:03}"


def lasting(us: int) -> str:
    """A duration given in microseconds."""
    if us < 1_000:
        return f"{us} µs"
    if us < 1_000_000:
        return f"{us / 1_000:.3g} ms"
    return f"{us / 1_000_000:.1f} s"


def size(count: int | None) -> str:
    """A number of bytes."""
    if count is None:
        return ""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def figure(value: float | None) -> str:
    """A measured figure: four digits say enough."""
    return "" if value is None else f"{value:.4g}"


def count_of(number: int, thing: str) -> str:
    """``1 event``, ``2 events``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
