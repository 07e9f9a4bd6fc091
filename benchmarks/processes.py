"""What processes have cost (proc(5)); Linux only."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time of a living process, user and system, without that of its children."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def youngest_child(*, besides: int) -> int:
    """The process that this one started last, but for one.

    Raises:
        ValueError: it has started no other.
    """
    mine = os.getpid()
    started = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != besides:
            try:
                fields = _stat(int(folder.name))
            except OSError:
                continue  # it has ended
            if int(fields[1]) == mine:
                started.append((int(fields[19]), int(folder.name)))
    return max(started)[1]


def _stat(pid: int) -> list[str]:
    """The fields of the process from its state on: its name may have spaces and brackets in it."""
    return (Path("/proc") / f"{pid}" / "stat").read_text().rpartition(")")[2].split()
