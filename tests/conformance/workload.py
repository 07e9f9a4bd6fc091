"""The stages of the scenarios that need processes of their own, and the traces they leave."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lineal.stages import Context, Reject, Stage, fan_in, stage
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload

Action = Literal["pass", "wait", "stall", "crash-once", "reject", "fail-once", "fail-and-crash"]


class Task(Payload, type="conformance.task", version=1):
    """Something to do."""

    key: str
    number: int
    action: Action = "pass"
    scratch: str = ""

    def partition_key(self) -> str:
        return self.key

    def correlation_key(self) -> str:
        return f"task:{self.key}"


class Done(Payload, type="conformance.done", version=1):
    """It was done."""

    key: str
    number: int
    text: str = ""

    def partition_key(self) -> str:
        return self.key


class Piece(Part, type="conformance.piece", version=1):
    """A part of a group."""

    key: str

    def partition_key(self) -> str:
        return self.key

    def correlation_key(self) -> str:
        return f"piece:{self.key}"


class Joined(Payload, type="conformance.joined", version=1):
    """All parts of a group."""

    key: str
    group_id: str
    indexes: tuple[int, ...]


class Trace:
    """Lines that stages append, in this process or another, for the scenario to read.

    Args:
        scratch: the folder of the scenario; "": it reads none, and none are written.
    """

    def __init__(self, scratch: str | Path) -> None:
        self._file = Path(scratch) / "trace"
        self._kept = scratch != ""

    def leave(self, what: str, task: Task) -> None:
        if not self._kept:
            return
        line = f"{what} {task.key} {task.number} {os.getpid()}\n".encode()
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line)  # one write: lines of several processes do not mix
        os.close(descriptor)

    def read(self, what: str) -> list[tuple[str, int, int]]:
        """Key, number and process of every line of a kind."""
        if not self._file.exists():
            return []
        lines = [line.split(" ") for line in self._file.read_text().splitlines()]
        return [(key, int(number), int(pid)) for kind, key, number, pid in lines if kind == what]


@stage("work", version="1", produces=Done)
async def work(task: Task, ctx: Context[Any]) -> Done:
    trace = Trace(task.scratch)
    trace.leave("begin", task)
    if task.action == "wait":
        while not (Path(task.scratch) / "go").exists():
            await asyncio.sleep(0.02)
    elif task.action == "stall":
        await asyncio.sleep(0.005)
    elif task.action == "crash-once":
        crashed = Path(task.scratch) / f"crashed-{task.key}-{task.number}"
        if not crashed.exists():
            crashed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    elif task.action == "reject":
        raise Reject("told to")
    trace.leave("end", task)
    return Done(key=task.key, number=task.number)


@stage("count", version="1", produces=Done, memo=False)
async def count(task: Task, ctx: Context[Any]) -> Done:
    """How many tasks of the key there were so far: an answer that needs a memory."""
    seen = (await ctx.state.get(task.key, int) or 0) + 1
    await ctx.state.put(task.key, seen)
    if task.action == "crash-once":
        crashed = Path(task.scratch) / f"crashed-{task.key}-{task.number}"
        if not crashed.exists():
            crashed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    elif task.action == "stall":
        await asyncio.sleep(0.005)
    return Done(key=task.key, number=task.number, text=str(seen))


@stage("flaky", version="1", produces=Done, memo=False, retry_delays=(0.05, 0.1, 0.2))
async def flaky(task: Task, ctx: Context[Any]) -> Done:
    """Counts tasks of a key; some fail at first, and some kill the process when they come back."""
    trace = Trace(task.scratch)
    trace.leave("begin", task)
    attempt = sum(line[:2] == (task.key, task.number) for line in trace.read("begin"))
    seen = (await ctx.state.get(task.key, int) or 0) + 1
    await ctx.state.put(task.key, seen)
    if task.action in ("fail-once", "fail-and-crash") and attempt == 1:
        raise ValueError("not yet")
    if task.action == "fail-and-crash" and attempt == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return Done(key=task.key, number=task.number, text=str(seen))


@fan_in("join", version="1", produces=Joined)
async def join(parts: Sequence[Piece]) -> Joined:
    first = parts[0]
    return Joined(
        key=first.key, group_id=first.group_id, indexes=tuple(part.index for part in parts)
    )


STAGES: dict[str, Stage] = {"work": work, "join": join, "count": count, "flaky": flaky}
