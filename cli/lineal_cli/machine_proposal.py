"""Proposes a machine file from readings in a CSV file."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from statistics import median

from lineal_cli.header_units import is_unit, without_unit
from lineal_scoring.csv_readings import CsvLayout, LeftOut, detect_layout

_ROWS = 20_000
_STATES = 6
_EPOCH_SCALES = ((1e15, 1e-6), (1e12, 1e-3))
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_FORMATS = tuple(
    f"{day}{clock}"
    for day in ("%d.%m.%Y ", "%d.%m.%y ", "%d/%m/%Y ", "%m/%d/%Y ", "%Y/%m/%d ", "")
    for clock in ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
)
_FEW_FALLS, _NEAR_THE_LOWEST = 0.1, 0.2
_SENSORS = 50
_BLOCK, _JUMP, _JUMPS = 30, 6.0, 2
_ANGLE = re.compile(r"(^|[^a-z])(angle|yaw|roll|pitch|heading|azimuth|direction)", re.IGNORECASE)


class Proposal:
    """A machine file's text, and what of the CSV file it leaves out."""

    def __init__(self, text: str, left_out: Sequence[LeftOut], rows: int) -> None:
        self.text = text
        self.left_out = tuple(left_out)
        self.rows = rows


def propose(file: Path, devices: str) -> Proposal:
    """Describe the machine that a CSV file is of.

    Kinds are told by names and values (a column that only rises, or begins anew now and then, is a
    counter, one of a few whole numbers a state), ranges are those seen, widened by half. Units are
    those that the header names in brackets, or the row below it.

    Args:
        devices: pattern of the devices' names.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no CSV file, there is no header or no column of numbers, or a row is of
            one of several sensors.
    """
    layout = detect_layout(file)
    if not layout.columns:
        why = "; ".join(f"{item.column}: {item.why}" for item in layout.left_out)
        raise ValueError(f"{file} has no column of numbers: {why}")
    rows = list(islice(layout.rows(file), _ROWS))
    times = _times(layout, rows)
    if sensor := _sensor_column(layout, rows):
        raise ValueError(
            f"{file}: each row is of one of several sensors, which the column {sensor!r} names: "
            "write a column for each of them"
        )
    steps = [b - a for a, b in pairwise(times)]
    if sum(step < 0 for step in steps) > len(steps) / 2:  # the newest row is the first
        rows, times = rows[::-1], times[::-1]
    lines = [
        "# What lineal knows of this machine; docs/your-own-machine.md explains each setting.",
        "# Proposed from header and numbers: look at units, kinds and ranges.",
        f"devices = [{_text(devices)}]",
        _rate(times),
    ]
    names = _names(layout.columns)
    switching = []
    for column in layout.columns:
        unit = without_unit(column)[1] or _unit_below(layout, rows, column)
        values = _values(layout, rows, column)
        channel = _channel(names[column], column, unit, values)
        lines += ["", *channel]
        if 'kind = "level"' in channel and _switches(values):
            switching.append(names[column])
    if switching:
        lines += [
            "",
            f"# To and fro between levels: {', '.join(map(_key, switching))}.",
            "# Each has levels of its own, once the readings to learn from have all of them and a",
            "# return to one.",
        ]
    return Proposal("\n".join(lines) + "\n", layout.left_out, len(rows))


def _values(layout: CsvLayout, rows: Sequence[Sequence[str]], column: str) -> list[float]:
    at = layout.header.index(column)
    numbers = (layout.number(row[at]) for row in rows if at < len(row))
    return [number for number in numbers if number is not None and not math.isnan(number)]


def _names(columns: Sequence[str]) -> dict[str, str]:
    """What the channels of columns are called: without units, where that leaves them different."""
    short = {column: without_unit(column)[0] for column in columns}
    counts = Counter(short.values())
    return {column: name if counts[name] == 1 else column for column, name in short.items()}


def _unit_below(layout: CsvLayout, rows: Sequence[Sequence[str]], column: str) -> str:
    """The unit in the row below the header; some loggers write them there."""
    at = layout.header.index(column)
    cell = rows[0][at].strip().strip("[]()") if rows and at < len(rows[0]) else ""
    return cell if is_unit(cell) else ""


def _sensor_column(layout: CsvLayout, rows: Sequence[Sequence[str]]) -> str:
    """The column of texts that says which sensor a row is of; empty where there is none.

    There is one where a single column holds numbers, and the same few texts come with every time.
    """
    texts = [one.column for one in layout.left_out if one.why.startswith("it holds texts")]
    clocks = [one.column for one in layout.left_out if one.why == "it is a time"]
    if len(layout.columns) != 1 or not texts or not clocks:
        return ""
    clock = layout.header.index(clocks[0])
    for column in texts:
        at = layout.header.index(column)
        pairs = [(row[clock], row[at]) for row in rows if max(at, clock) < len(row)]
        moments, names = {one for one, _ in pairs}, {name for _, name in pairs}
        is_every_pair_once = len(set(pairs)) == len(pairs) > 1.5 * len(moments)
        if 1 < len(names) <= _SENSORS and is_every_pair_once:
            return column
    return ""


def _channel(name: str, column: str, unit: str, values: Sequence[float]) -> list[str]:
    lines = [f"[channels.{_key(name)}]", f"unit = {_text(unit)}"]
    if name != column:
        lines.append(f"column = {_text(column)}")
    if not values:
        return lines
    low, high = min(values), max(values)
    distinct = len(set(values))
    whole = all(value.is_integer() for value in values)
    if _ANGLE.search(name) and low >= -180 and high <= 360 and high - low > 180:
        lines.append('kind = "state"  # an angle in degrees: only one in radians can be scored')
    elif len(values) >= 20 and distinct > 1 and _counts(values) and distinct > len(values) / 10:
        lines.append('kind = "counter"')
    elif len(values) >= 20 and whole and distinct <= _STATES:
        lines.append('kind = "state"')
    elif _ANGLE.search(name) and low >= -6.3 and high <= 6.3:
        lines += ['kind = "angle"  # in radians', "drift = false"]
    else:
        room = (high - low) / 2 or abs(high) / 2 or 1.0
        lines += ['kind = "level"', f"range = [{_number(low - room)}, {_number(high + room)}]"]
    return lines


def _switches(values: Sequence[float]) -> bool:
    """Whether a level jumps up and down again several times, as between operating points."""
    usual = median(abs(b - a) for a, b in pairwise(values)) if len(values) > 1 else 0.0
    blocks = [
        median(values[begin : begin + _BLOCK])
        for begin in range(0, len(values) - _BLOCK + 1, _BLOCK)
    ]
    steps = [b - a for a, b in pairwise(blocks)]
    jumps = [step for step in steps if abs(step) > _JUMP * usual]
    ups = sum(step > 0 for step in jumps)
    return min(ups, len(jumps) - ups) >= _JUMPS and len(jumps) < len(steps) / 3


def _counts(values: Sequence[float]) -> bool:
    """Whether a column only rises, but for rare falls to where counters begin anew: a reset, or a
    number that is full."""
    low, high = min(values), max(values)
    steps = [b - a for a, b in pairwise(values)]
    falls = [after for step, after in zip(steps, values[1:], strict=True) if step < 0]
    if not falls:
        return True
    # What is measured falls by a little, too, and as often as it rises.
    return (
        low >= 0
        and len(falls) <= _FEW_FALLS * sum(step > 0 for step in steps)
        and all(after <= low + _NEAR_THE_LOWEST * (high - low) for after in falls)
    )


def _times(layout: CsvLayout, rows: Sequence[Sequence[str]]) -> list[float]:
    """The times of the first rows in seconds, of the first column whose times are understood."""
    for left_out in layout.left_out:
        if left_out.why != "it is a time":
            continue
        at = layout.header.index(left_out.column)
        unit = without_unit(left_out.column)[1]
        times = [_time(row[at], unit, layout) for row in rows[:200] if at < len(row)]
        known = [time for time in times if time is not None]
        if "dat" in left_out.column.lower() and all(20_000 < time < 80_000 for time in known):
            known = [time * _SECONDS["d"] for time in known]  # days, as spreadsheets count them
        if len(set(known)) > 1:
            return known
    return []


def _rate(times: Sequence[float]) -> str:
    """Readings a second; one where there are no times."""
    steps = sorted(b - a for a, b in pairwise(times) if b > a)
    if not steps:
        return "rate_hz = 1  # no times of the file are understood: put the true rate here"
    return f"rate_hz = {float(f'{1 / steps[len(steps) // 2]:.3g}'):g}"


def _time(text: str, unit: str, layout: CsvLayout) -> float | None:
    """A time in seconds since anything."""
    cell = text.strip()
    number = layout.number(cell)
    if number is not None:
        if math.isnan(number):
            return None
        since_epoch = next((scale for low, scale in _EPOCH_SCALES if number >= low), 1.0)
        return number * _SECONDS.get(unit, since_epoch)
    try:
        return datetime.fromisoformat(cell).timestamp()
    except ValueError:
        pass
    # Only differences matter: within one day it is the same whether day or month comes first.
    cell = re.sub(r"([:.]\d\d),(\d{1,6})$", r"\1.\2", cell)
    for format in _FORMATS:
        try:
            return datetime.strptime(cell, format).timestamp()
        except ValueError:
            continue
    return None


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}')!r}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    """A string of TOML: what JSON escapes, TOML does, too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
