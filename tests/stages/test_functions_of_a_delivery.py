"""How many functions an event passes between two topics, counted while it passes them.

See "The way" in docs/runtime.md, which says what counts and lists what is counted.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from lineal.bus.protocol import Batch, Delivery
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages import stage
from lineal.stages.pipeline import Invocation
from lineal.stages.result import StepResult
from lineal.stages.runner import StageRunner
from lineal_schemas.envelope import first_event
from tests.conformance.workload import Done, Task

ROOT = Path(__file__).parents[2]
OURS = str(ROOT / "lineal") + "/"
MOST = 14


@stage("work", version="1", produces=Done)
async def work(task: Task) -> Done:
    return Done(key=task.key, number=task.number)


class Way:
    """The functions that a delivery passes, in the order in which it comes to them."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self._ended = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if self._ended:
            return
        if code.co_qualname == "EmbeddedSubscription.fetch":
            if event == "return" and _has_delivery(argument):
                self._add(frame)
            return
        if event != "call" or not self.functions:
            return
        if code is work.function.__code__:
            self._add(frame)
        elif code.co_filename.startswith(OURS) and _is_given_a_delivery(frame):
            caller = frame.f_back
            if caller is not None and caller.f_code.co_filename.startswith(OURS):
                if caller.f_code.co_filename == code.co_filename:
                    return  # a helper
                self._add(_entry(caller))
            elif self._passed_before(frame):
                return  # a coroutine that goes on
            self._add(frame)
            self._ended = code.co_qualname == "EmbeddedSubscription.commit"

    def _passed_before(self, frame: FrameType) -> bool:
        return any(_module(frame) == passed.partition(":")[0] for passed in self.functions)

    def _add(self, frame: FrameType) -> None:
        # The two parts of a wrapper are one station.
        name = re.sub(r"\.(before|after)$", "", frame.f_code.co_qualname)
        found = f"{_module(frame)}:{name}"
        if found not in self.functions:
            self.functions.append(found)


def _module(frame: FrameType) -> str:
    return Path(frame.f_code.co_filename).stem


def _entry(frame: FrameType) -> FrameType:
    """The function by which a module was entered."""
    while (caller := frame.f_back) is not None:
        if caller.f_code.co_filename != frame.f_code.co_filename:
            break
        frame = caller
    return frame


def _is_given_a_delivery(frame: FrameType) -> bool:
    code = frame.f_code
    if code.co_name.startswith("<") or code.co_name == "__init__":
        return False
    given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if given[:1] == ("self",):
        given = given[1:]  # leaves out the properties of what has become of it
    return any(_has_delivery(frame.f_locals.get(name)) for name in given)


def _has_delivery(value: object) -> bool:
    if isinstance(value, Delivery | Invocation | StepResult | Batch):
        return True
    return isinstance(value, list | tuple) and any(map(_has_delivery, value[:1]))


async def _way(folder: Path) -> list[str]:
    way = Way()
    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        event = first_event(Task(key="a", number=1), id="event", source="test:x")
        await runtime.bus.publish([(Task.type, event)])
        runner = StageRunner(
            runtime.bind(work), runtime.committer, on_committed=lambda _: runner.stop()
        )
        subscription = await runtime.bus.subscribe("work", [Task.type])
        sys.setprofile(way)
        try:
            await runner.run(subscription)
        finally:
            sys.setprofile(None)
    return way.functions


def test_a_delivery_passes_few_functions_and_those_that_are_documented(tmp_path: Path) -> None:
    functions = asyncio.run(_way(tmp_path))
    assert len(functions) <= MOST, functions
    page = (ROOT / "docs" / "runtime.md").read_text()
    table = page[page.index("## The way") : page.index("## What becomes durable")]
    rows = re.findall(r"^\| (\d+) \| `([\w.]+)`", table, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(functions) + 1))
    named = [function.partition(":")[2] for function in functions]
    assert [name for _, name in rows] == named
