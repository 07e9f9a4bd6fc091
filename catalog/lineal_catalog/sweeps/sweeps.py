"""Finds sweeps and their runs, and stops one; they are events, listed from the bus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, TypeVar

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.errors import LinealError
from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal_schemas.ids import arrival_id
from lineal_schemas.models import SettingValue
from lineal_schemas.sweeps import (
    SweepBest,
    SweepEvent,
    SweepRequested,
    SweepStepFinished,
    SweepStepRequested,
    SweepStopped,
)

E = TypeVar("E", bound=SweepEvent)


class UnknownSweep(LinealError, LookupError):
    """Nobody has asked for a sweep of this id."""


@dataclass(frozen=True, slots=True)
class SweepRun:
    """Settings that a sweep tries, and how they do."""

    run: int
    state: Literal["running", "finished", "pruned", "failed"]
    values: dict[str, SettingValue]
    scores: tuple[float, ...]
    """By fold; the larger the better."""
    problem: str | None = None

    @property
    def score(self) -> float | None:
        """The mean over the folds that were measured."""
        return fmean(self.scores) if self.scores else None


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep and what became of it."""

    request: SweepRequested
    runs: tuple[SweepRun, ...]
    best: SweepBest | None
    """None while it goes on."""
    stopped_by: str | None

    @property
    def state(self) -> Literal["running", "stopping", "stopped", "finished"]:
        if self.best is not None:
            return "stopped" if self.best.stopped else "finished"
        return "running" if self.stopped_by is None else "stopping"


async def list_sweeps(runtime: Runtime) -> list[Sweep]:
    """All sweeps whose events the bus still has, the newest first."""
    return await _sweeps(runtime, None)


async def find_sweep(runtime: Runtime, sweep_id: str) -> Sweep:
    """One sweep.

    Raises:
        UnknownSweep: there is none.
    """
    found = await _sweeps(runtime, sweep_id)
    if not found:
        raise UnknownSweep(f"there is no sweep {sweep_id!r}")
    return found[0]


async def stop_sweep(runtime: Runtime, sweep_id: str, by: Credential, source: str) -> SweepStopped:
    """Have a sweep begin no further run; what runs is finished.

    Args:
        source: the ingress: ``lineal:cli/sweep``, ``lineal:console/sweeps``.

    Raises:
        NotPermitted: they may not.
        UnknownSweep: there is none.
    """
    by.require("promote")
    requests = await _events(runtime, SweepRequested, sweep_id)
    if not requests:
        raise UnknownSweep(f"there is no sweep {sweep_id!r}")
    stopped = SweepStopped(sweep_id=sweep_id, name=requests[0].name, by=by.actor)
    identifier = arrival_id(source, sweep_id, stopped.type)
    await publish_act(runtime, stopped, id=identifier, source=source, actor=by.actor)
    return stopped


async def _sweeps(runtime: Runtime, sweep_id: str | None) -> list[Sweep]:
    requests = await _events(runtime, SweepRequested, sweep_id)
    if not requests:
        return []
    asked = _by_sweep(await _events(runtime, SweepStepRequested, sweep_id))
    finished = _by_sweep(await _events(runtime, SweepStepFinished, sweep_id))
    best = {one.sweep_id: one for one in await _events(runtime, SweepBest, sweep_id)}
    stopped = {one.sweep_id: one.by for one in await _events(runtime, SweepStopped, sweep_id)}
    sweeps = [
        Sweep(
            request,
            _runs(asked[request.sweep_id], finished[request.sweep_id], request.sweep_id in best),
            best.get(request.sweep_id),
            stopped.get(request.sweep_id),
        )
        for request in requests
    ]
    return sorted(sweeps, key=lambda one: -one.request.requested_us)


def _by_sweep(events: Sequence[E]) -> defaultdict[str, list[E]]:
    found: defaultdict[str, list[E]] = defaultdict(list)
    for event in events:
        found[event.sweep_id].append(event)
    return found


def _runs(
    asked: Sequence[SweepStepRequested], finished: Sequence[SweepStepFinished], over: bool
) -> tuple[SweepRun, ...]:
    steps: defaultdict[int, list[SweepStepRequested]] = defaultdict(list)
    for step in asked:
        steps[step.run].append(step)
    done: defaultdict[int, dict[int, SweepStepFinished]] = defaultdict(dict)
    for end in finished:
        done[end.run][end.step] = end
    runs = []
    for number in sorted(steps):
        begun, ended = steps[number], done[number]
        scores = tuple(one.score for _, one in sorted(ended.items()) if one.score is not None)
        state: Literal["running", "finished", "pruned", "failed"] = "running"
        if len(scores) < len(ended):
            state = "failed"
        elif len(scores) == begun[0].steps:
            state = "finished"
        elif over and len(scores) == len(begun):
            state = "pruned"
        problem = next((one.problem for one in ended.values() if one.problem), None)
        runs.append(SweepRun(number, state, begun[0].values, scores, problem))
    return tuple(runs)


async def _events(runtime: Runtime, kind: type[E], sweep_id: str | None) -> list[E]:
    return [
        event.data
        async for event in events_on_topic(runtime, kind)
        if sweep_id in (None, event.data.sweep_id)
    ]
