"""A stage in several versions, run on live events and in a replay."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from lineal.bus.protocol import Selection
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime
from lineal.stages import Stage, stage
from lineal.stages.state import StoredState
from lineal_schemas.envelope import RawEvent
from tests.conformance.harness import (
    events_on,
    payload_of,
    running,
    until_settled,
)
from tests.conformance.workload import Done, Task


class Config(BaseModel):
    depth: int = 1


def recording(version: str, handled: list[tuple[str, int]], broken: bool = False) -> Stage:
    @stage("copy", version=version, produces=Done, config=Config)
    async def copy(task: Task, ctx: Any) -> Done:
        handled.append((task.key, task.number))
        if broken:
            raise ValueError("broken")
        return Done(key=task.key, number=task.number, text=version)

    return copy


async def counted(runtime: Runtime) -> list[str]:
    rows = await StoredState(runtime.store).rows("total", "counted ")
    return [key.removeprefix("counted ") for key, row in rows if row.after is not None]


async def made_by(runtime: Runtime, version: str) -> list[RawEvent]:
    events = await events_on(runtime, Done.type)
    return [event for event in events if payload_of(event).text == version]


async def live(runtime: Runtime, declared: Stage) -> None:
    async with running(runtime, declared):
        await until_settled(runtime, declared.name)


async def stale(runtime: Runtime, declared: Stage) -> int:
    plan = await plan_replay(runtime, declared, Selection(), stale=True)
    await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)
    return plan.events
