"""What is said again and again is said now and then, and nothing else is held back."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import structlog

from lineal.observability.duplicate_filter import DuplicateLogFilter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(duplicates: DuplicateLogFilter, *said: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for line in said:
        try:
            found.append(dict(duplicates(None, "", {"level": "warning", **line})))
        except structlog.DropEvent:
            continue
    return found


def test_the_same_line_is_said_once_in_a_while_and_how_often_it_came() -> None:
    clock = Clock()
    duplicates = DuplicateLogFilter(30.0, clock)
    away = {"event": "cannot connect", "node": 1}
    assert lines(duplicates, away, away, away) == [{"level": "warning", **away}]
    clock.now += 29
    assert lines(duplicates, away) == []
    clock.now += 2
    assert lines(duplicates, away, away) == [{"level": "warning", **away, "repeated": 3}]


def test_lines_that_say_something_else_are_not_held_back() -> None:
    """Another node, another event, another exception; and what is no warning."""
    duplicates = DuplicateLogFilter(30.0, Clock())
    differing: list[dict[str, Any]] = [
        {"event": "cannot connect", "node": 1},
        {"event": "cannot connect", "node": 2},
        {"event": "cannot connect", "node": 2, "level": "error"},
        {"event": "failed", "exc_info": (ValueError, ValueError("a"), None)},
        {"event": "failed", "exc_info": ValueError("b")},
    ]
    assert len(lines(duplicates, *differing)) == len(differing)
    told = {"event": "event.rejected", "level": "info"}
    assert len(lines(duplicates, told, told)) == 2


def test_the_same_exception_recurs_too() -> None:
    duplicates = DuplicateLogFilter(30.0, Clock())

    def failed() -> list[dict[str, Any]]:
        try:
            raise OSError("no room")
        except OSError:
            return lines(duplicates, {"event": "cannot write", "exc_info": True})

    assert [len(failed()), len(failed())] == [1, 0]


def test_memory_is_bounded() -> None:
    duplicates = DuplicateLogFilter(30.0, Clock())
    lines(duplicates, *({"event": f"line {number}"} for number in range(10_000)))
    assert len(duplicates._last) <= 1_000


@pytest.mark.parametrize("format", ["json", "console"])
def test_what_libraries_say_goes_through_it(format: str) -> None:
    code = f"""
import logging
from lineal.observability.logging import configure_logging
configure_logging("info", "{format}")
for _ in range(500):
    logging.getLogger("aiokafka.client").error("Unable connect to node with id %s", 1)
logging.getLogger("aiokafka.client").error("Unable connect to node with id %s", 2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = [line for line in done.stderr.splitlines() if "Unable connect" in line]
    assert len(said) == 2
