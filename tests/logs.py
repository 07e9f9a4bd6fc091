"""Logs are set up as before once a test is over.

A command sets up logs for its process, on an output that ends with the command. Left behind, they
would write what libraries say to the standard output of the tests that follow, or to a closed file.
And a module's logger does not keep what it wrote to at first, or a later test could not capture it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from lineal.observability.logging import _ToStructlog

_configure = structlog.configure


def _configure_without_cache(**options: Any) -> None:
    _configure(**{**options, "cache_logger_on_first_use": False})


# For good: commands are also called by fixtures that several tests share.
structlog.configure = _configure_without_cache  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    # Benchmarks when they are imported, and commands that a shared fixture has called, leave out
    # warnings: a test that looks for one would wait in vain.
    structlog.reset_defaults()
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    # pytest's own handlers come and go between setup and teardown: only ours are taken out
    left = [one for one in root.handlers if isinstance(one, _ToStructlog) and one not in handlers]
    for handler in left:
        root.removeHandler(handler)
    if left:
        root.setLevel(level)
    structlog.reset_defaults()
