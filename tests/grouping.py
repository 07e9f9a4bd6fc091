"""How tests are given to processes: what a module's tests share is made in one of them.

Tests go one by one to whichever process has nothing to do; those of a file with a fixture for the
module go together.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Takes the place of xdist's own for ``--dist loadscope``."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _shares_a_fixture(self.config.rootpath / file) else nodeid

    def _reschedule(self, node: WorkerController) -> None:
        # One that replaces one that crashed has not collected yet: xdist gives it tests when the
        # next crashes meanwhile, and the whole run breaks off.
        if node in self.registered_collections:
            super()._reschedule(node)


@cache
def _shares_a_fixture(file: Path) -> bool:
    return 'scope="module"' in file.read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler | None:
    return Scheduler(config, log) if config.getvalue("dist") == "loadscope" else None
