"""How tests are given to processes, also when these crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from xdist.remote import Producer

from tests.grouping import Scheduler


@dataclass(eq=False)
class Process:
    """A test process, and the numbers of the tests it was sent."""

    sent: list[int] = field(default_factory=list)
    shutting_down: bool = False
    gateway: Any = field(default_factory=lambda: SimpleNamespace(id="gw"))

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.sent += numbers

    def shutdown(self) -> None:
        self.shutting_down = True


def test_processes_that_crash_while_others_start_lose_no_test(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytestconfig.option, "tx", ["popen", "popen"])
    tests = [f"tests/infra/test_grouping.py::test_{number}" for number in range(20)]
    scheduler = Scheduler(pytestconfig, Producer("quiet", enabled=False))
    first, second = Process(), Process()
    for process in (first, second):
        scheduler.add_node(process)
        scheduler.add_node_collection(process, tests)
    scheduler.schedule()
    done = set()
    for number in first.sent[:1]:
        scheduler.mark_test_complete(first, number)
        done.add(number)

    replacing, another = Process(), Process()
    scheduler.add_node(replacing)
    assert scheduler.remove_node(first) == tests[first.sent[1]]
    scheduler.add_node(another)
    assert scheduler.remove_node(second) == tests[second.sent[0]]
    assert not replacing.sent
    for process in (replacing, another):
        scheduler.add_node_collection(process, tests)
        scheduler.schedule()
    for process in (replacing, another):
        for number in process.sent:  # it grows meanwhile
            scheduler.mark_test_complete(process, number)
            done.add(number)
    assert done == set(range(20))
