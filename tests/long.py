"""Tests that need longer than CI has: left out without ``--long``, and counted at the end.

``make test-long`` runs them, and the property-based tests with many more examples.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

_REASON = "marked long: `make test-long` runs it"
_QUICK_EXAMPLES = 50


def examples(number: int) -> int:
    """The examples of a property whose cost asks for another number than usual: as many in
    ``make test``, more in ``make test-long``."""
    return number * settings().max_examples // _QUICK_EXAMPLES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="run what is marked long, and try many more examples"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason=_REASON))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many tests were left out, and how to run them."""
    left_out = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and report.longrepr[2].endswith(_REASON)
    ]
    if left_out:
        terminalreporter.section("tests that need longer", bold=True)
        noun = "test was" if len(left_out) == 1 else "tests were"
        terminalreporter.line(f"{len(left_out)} {noun} left out: run `make test-long`")
