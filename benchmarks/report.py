"""Results as they are kept and shown: the file of the last results, the table of the README."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.measurement import Result

RESULTS = Path(__file__).parent / "results" / "latest.json"
README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- benchmarks: written by `make bench`, not by hand -->"
END = "<!-- benchmarks end -->"

_COLUMNS = ("benchmark", "value", "peer", "peer's value", "ratio", "goal")


@dataclass(frozen=True, slots=True)
class Run:
    """When, of what and where something was measured."""

    date: str
    """ISO 8601, UTC."""
    commit: str
    """Of the working tree; ``+`` behind it: with changes that are not committed."""
    machine: str

    @classmethod
    def now(cls) -> Run:
        """This moment, this tree and this machine."""
        date = datetime.now(UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
        return cls(date, _commit(), _machine())


def write_results(path: Path, run: Run, results: Sequence[Result]) -> None:
    """Write results, each with the run it is of, and keep those of benchmarks that were not run."""
    kept: dict[str, dict[str, Any]] = {}
    if path.exists():
        kept = {item["name"]: item for item in json.loads(path.read_text())}
    for result in results:
        kept[result.name] = dataclasses.asdict(result) | dataclasses.asdict(run)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(list(kept.values()), indent=2) + "\n")


def replace_table(
    text: str, run: Run, results: Sequence[Result], failures: Mapping[str, str]
) -> str:
    """A text with the table of a run of all benchmarks between its two markers.

    Args:
        failures: what could not be measured, by name, and why.

    Raises:
        ValueError: the text has not each of the markers once, in their order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise ValueError(f"the text must have {BEGIN} and {END}, once each")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    rows = ["| " + " | ".join(map(_cell, row)) + " |" for row in map(_row, results)]
    rows += [f"| {name} | not measured: {_cell(why)} | | | | |" for name, why in failures.items()]
    lines = [
        f"Measured in one run: {run.date}, commit {run.commit}, {run.machine}.",
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|" + "---|" * len(_COLUMNS),
        *rows,
    ]
    return "\n".join((f"{before}{BEGIN}", *lines, f"{END}{after}"))


def terminal_table(run: Run, results: Sequence[Result]) -> Table:
    """The results to be looked at."""
    table = Table(title=f"{run.date}, commit {run.commit}, {run.machine}")
    for column in _COLUMNS:
        table.add_column(column)
    for result in results:
        table.add_row(*_row(result))
    return table


def elapsed_table(seconds: Mapping[str, float]) -> Table:
    """How long benchmarks took, the longest first."""
    table = Table(show_footer=True)
    table.add_column("benchmark", footer="together")
    table.add_column("seconds", footer=f"{sum(seconds.values()):,.1f}", justify="right")
    for name, took in sorted(seconds.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{took:,.1f}")
    return table


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        f"{_number(result.value)} {result.unit}",
        result.peer or "",
        "" if result.peer_value is None else _number(result.peer_value),
        "" if result.ratio is None else f"{result.ratio:.2f}",
        result.goal,
    )


def _number(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _cell(text: str) -> str:
    """A text as a cell of a Markdown table."""
    return " ".join(text.replace("|", r"\|").split())


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=README.parent, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    try:
        commit = git("rev-parse", "--short", "HEAD")
        return f"{commit}+" if git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores {platform.machine()}, {_processor()}, {platform.system()}, "
        f"Python {sys.version.split()[0]}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
