"""The graph that installed stages declare: which types they consume, which they produce."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import NamedTuple

from lineal.stages.declaration import Stage
from lineal.stages.discovery import installed_stages


class Edge(NamedTuple):
    """Events of a type, from the stages that make them to a stage that handles them."""

    type: str
    source: str | None
    """A stage; None: it comes from outside, or from people."""
    target: str | None
    """A stage; None: no stage handles it."""


def edges(stages: Iterable[Stage]) -> list[Edge]:
    """All edges between stages, and those that begin or end outside."""
    stages = list(stages)
    makers: dict[str, list[str]] = {}
    takers: dict[str, list[str]] = {}
    for stage in stages:
        for item in stage.produces:
            makers.setdefault(item.type, []).append(stage.name)
        for item in stage.inputs:
            takers.setdefault(item.type, []).append(stage.name)
    found = []
    for type_ in sorted({*makers, *takers}):
        sources: list[str | None] = [*makers.get(type_, ())] or [None]
        targets: list[str | None] = [*takers.get(type_, ())] or [None]
        found += [Edge(type_, source, target) for source in sources for target in targets]
    return found


@cache
def stages_after_type(type_: str) -> tuple[str, ...]:
    """The stages that an event leads through, in the order in which they are reached."""
    stages = installed_stages().values()
    types, found = {type_}, list[str]()
    while more := _reached(stages, types, found):
        found += [stage.name for stage in more]
        types |= {item.type for stage in more for item in stage.produces}
    return tuple(found)


def _reached(stages: Iterable[Stage], types: set[str], known: Collection[str]) -> list[Stage]:
    return [
        stage
        for stage in stages
        if stage.name not in known and any(item.type in types for item in stage.inputs)
    ]
