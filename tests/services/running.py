"""The servers that a test run has started: mended between tests, their logs shown on failure."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from lineal_local.availability import CACHE

LOGS = CACHE / "logs"
"""Where the logs of the servers are kept when a test failed."""

_SHOWN_LINES = 40
_started: list[Server] = []
_sizes: dict[Path, int] = {}
_failed: list[str] = []


class Server(Protocol):
    @property
    def logs(self) -> list[Path]: ...

    def mend(self) -> None:
        """Bring back what a test killed or paused and did not bring back itself."""


AnyServer = TypeVar("AnyServer", bound=Server)


@contextmanager
def shared(server: AnyServer) -> Iterator[AnyServer]:
    """Counts a started server among those of the run. Stopping it is left to the caller."""
    _started.append(server)
    _note_sizes(server)
    try:
        yield server
    finally:
        _started.remove(server)
        if _failed:
            LOGS.mkdir(parents=True, exist_ok=True)
            for log in server.logs:
                shutil.copy(log, LOGS / f"{type(server).__name__.lower()}-{log.name}")


def pytest_runtest_setup() -> None:
    for server in _started:
        server.mend()
        _note_sizes(server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        _failed.append(item.nodeid)
        for server in _started:
            for log in server.logs:
                if written := _written_since_setup(log):
                    title = f"{log.name} during this test (all of it will be in {LOGS})"
                    report.sections.append((title, written))
    return report


def _note_sizes(server: Server) -> None:
    _sizes.update({log: log.stat().st_size for log in server.logs if log.exists()})


def _written_since_setup(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(_sizes.get(log, 0))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_SHOWN_LINES:])
