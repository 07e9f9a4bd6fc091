"""What processes have cost (proc(5)); Linux only."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time of a living process, user and system, without that of its children."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def youngest_descendant(*, besides: int) -> int:
    """The process that was started last by this one, or by one that it has started, but for one.

    Raises:
        ValueError: there is no other.
    """
    found = [one for one in psutil.Process().children(recursive=True) if one.pid != besides]
    return max(found, key=lambda one: one.create_time()).pid


def _stat(pid: int) -> list[str]:
    """The fields of the process from its state on: its name may have spaces and brackets in it."""
    return (Path("/proc") / f"{pid}" / "stat").read_text().rpartition(")")[2].split()
