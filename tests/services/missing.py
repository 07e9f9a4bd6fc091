"""A server that this machine cannot run: its tests are skipped, and counted at the end of the run.

A server that can be had and does not start is an error, not a skip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lineal_local.availability import Unavailable

_MARK = "not available here: "


@contextmanager
def skipped_when_unavailable() -> Iterator[None]:
    """Turns `Unavailable` into a skip with its reason."""
    try:
        yield
    except Unavailable as error:
        pytest.skip(f"{_MARK}{error}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Lists what the machine could not run, with the number of tests that were not run for it."""
    tests: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple):  # path, line, reason
            _, marked, reason = report.longrepr[2].partition(_MARK)
            if marked:
                tests[reason] += 1
    if not tests:
        return
    terminalreporter.section("servers that this machine cannot run", yellow=True, bold=True)
    for reason, number in sorted(tests.items()):
        service, _, remedy = reason.partition(": ")
        noun = "test" if number == 1 else "tests"
        terminalreporter.line(f"skipped because {service} is missing: {number} {noun} ({remedy})")
