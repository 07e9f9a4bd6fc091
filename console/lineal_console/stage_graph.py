"""The graph that installed stages declare: which types they consume, which they produce."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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


def edges(stages: Iterable[Stage], outside: Collection[str] = ()) -> list[Edge]:
    """All edges between stages, and those that begin or end outside.

    Args:
        outside: types that come from outside, even where stages make some as well.
    """
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
        sources: list[str | None] = [*makers.get(type_, ())]
        if not sources or type_ in outside:
            sources.append(None)
        targets: list[str | None] = [*takers.get(type_, ())] or [None]
        found += [Edge(type_, source, target) for source in sources for target in targets]
    return found


def rank_stages(found: Iterable[Edge]) -> dict[str, int]:
    """How far each stage is from the outside: one more than the furthest of what it handles, each
    type taken where it is first made.

    What leads to a stage that is no further is a way back, as of corrections and attachments. A
    picture whose stages stand by their levels reads from left to right, whatever circles there are.
    """
    found = list(found)
    needs: dict[str, set[str]] = {}
    makes: dict[str, set[str]] = {}
    for edge in found:
        if edge.target is not None:
            needs.setdefault(edge.target, set()).add(edge.type)
        if edge.source is not None:
            makes.setdefault(edge.source, set()).add(edge.type)
    known = {edge.type: 0 for edge in found if edge.source is None}
    levels: dict[str, int] = {}
    waiting = {**{name: set[str]() for name in makes}, **needs}
    while waiting:
        # The one that most is known of: in a circle the one by which it is entered.
        name = min(
            waiting,
            key=lambda one: (len(waiting[one] - known.keys()), _level(waiting[one], known), one),
        )
        levels[name] = _level(waiting.pop(name), known)
        for type_ in makes.get(name, ()):
            known.setdefault(type_, levels[name])
    return levels


def _level(needed: Collection[str], known: Mapping[str, int]) -> int:
    return 1 + max((known[type_] for type_ in needed if type_ in known), default=0)


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
