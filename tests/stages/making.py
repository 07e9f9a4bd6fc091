"""Stages that are made of a function of a task, and what became of one event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from lineal.bus.protocol import Delivery, Position
from lineal.lineage.record import RecordedStep
from lineal.stages import Stage, stage
from lineal.stages.pipeline import Invocation
from lineal.stages.result import StepResult
from lineal_schemas.envelope import RawEvent, first_event
from lineal_schemas.payload import Payload
from tests.conformance.workload import Done, Task


def delivered(payload: Payload, id: str = "event-1", offset: int = 0) -> Delivery:
    event = first_event(payload, id=id, source="test:x")
    return Delivery(Position(payload.type, 0, offset), event)


def task(number: int = 1) -> Delivery:
    return delivered(Task(key="a", number=number), id=f"event-{number}")


def making(act: Callable[[Task, Any], Any], version: str = "1", **options: Any) -> Stage:
    options.setdefault("produces", Done)

    @stage("make", version=version, **options)
    async def make(task: Task, ctx: Any) -> Any:
        return await act(task, ctx)

    return make


async def done(task: Task, ctx: Any) -> Done:
    return Done(key=task.key, number=task.number)


async def twice(task: Task, ctx: Any) -> list[Done]:
    return [Done(key="a", number=1), Done(key="a", number=2)]


def outputs(result: StepResult) -> list[RawEvent]:
    return [event for _, event in result.outputs]


def step_of(result: StepResult | Invocation) -> RecordedStep:
    assert result.record is not None
    (step,) = result.record.recorded()
    return step


class Config(BaseModel):
    depth: int = 1
