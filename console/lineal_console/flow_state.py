"""The state of stages and topics at a moment, for the page that shows the flow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from lineal.bus.protocol import TopicInfo
from lineal.bus.topic_names import is_dead_letter_topic, is_redrive_topic
from lineal.dead_letters import LetterFilter, waiting_letters
from lineal.producers import installed_producers
from lineal.runtime import Runtime
from lineal.stages.declaration import Stage
from lineal.stages.metrics import stage_figures
from lineal_console.stage_graph import Edge, edges, rank_stages

EMBEDDED = "sqlite:"
_RATES_SECONDS = 5.0
"""Rates of the last minute change by themselves."""


class StageState(NamedTuple):
    """What a stage is doing."""

    name: str
    version: str
    lag: int
    """Events that it has yet to handle."""
    in_flight: int
    """Events in this process's memory that it has begun or waits to begin."""
    handled: int
    """Events since this process was started."""
    retries: int
    """Attempts after the first, since this process was started."""
    dead_letters: int
    """That wait for a decision."""
    working: bool
    """Whether a worker is a member of its group."""
    quiet: bool
    """Whether no event that it handles was ever there."""

    @property
    def state(self) -> str:
        """How it is, in one word of the style sheet."""
        if self.dead_letters:
            return "bad"
        if self.lag and not self.working:
            return "warn"
        return "info" if self.lag or self.in_flight else ""


class TopicState(NamedTuple):
    """A topic."""

    name: str
    events: int
    per_minute: int | None
    lag: int
    """Of the group that is furthest behind."""


class FlowState(NamedTuple):
    """Everything at a moment."""

    stages: tuple[StageState, ...]
    topics: tuple[TopicState, ...]
    edges: tuple[Edge, ...]

    @property
    def per_minute(self) -> dict[str, int]:
        """Events of the last minute by topic."""
        return {topic.name: topic.per_minute or 0 for topic in self.topics}


class _Mark(NamedTuple):
    """What differs where the state does."""

    events: float
    positions: float
    epochs: float
    owners: int
    decided: int
    at_work: str
    """What stages of this process have done."""


class FlowReader:
    """Reads the state of the flow; what is costly only where it may have changed."""

    def __init__(self, runtime: Runtime, stages: list[Stage]) -> None:
        self._runtime = runtime
        self._stages = stages
        arriving = {name for each in installed_producers().values() for name in each.open_types}
        self._edges = tuple(edges(stages, arriving))
        self._letters_of: tuple[int, int] | None = None
        self._letters: dict[str, int] = {}
        self._last: tuple[_Mark, float, FlowState] | None = None
        """Of an embedded bus: its mark, when it was read, and what was read."""
        self._marked: tuple[int, _Mark] | None = None
        """At which version of the store."""

    async def read(self) -> FlowState:
        """The state now. While no event comes or is handled an embedded bus is not read again."""
        mark, now = self._mark(), time.monotonic()
        if self._last is not None and mark == self._last[0]:
            _, then, state = self._last
            # Where nothing came in the last minute no rate changes by itself.
            if now - then < _RATES_SECONDS or not any(state.per_minute.values()):
                return state
        state = await self._read()
        self._last = None if mark is None else (mark, now, state)
        return state

    def _mark(self) -> _Mark | None:
        """Another one after every event and every change of who works; None on a bus that cannot
        tell. Workers say each second that they are there: by that nothing that is shown changes,
        and to read all of it takes a hundred times as long."""
        if self._runtime.settings.bus != EMBEDDED:
            return None
        reader = self._runtime.database.reader
        (version,) = reader.execute("PRAGMA data_version").fetchone()
        if self._marked is not None and self._marked[0] == version:
            return self._marked[1]
        (events,) = reader.execute("SELECT total(next_offset) FROM partitions").fetchone()
        positions, epochs, owners = reader.execute(
            "SELECT total(position), total(epoch), count(owner) FROM group_partitions"
        ).fetchone()
        (decided,) = reader.execute("SELECT count(*) FROM dead_letter_outcomes").fetchone()
        self._marked = (
            version,
            _Mark(events, positions, epochs, owners, decided, str(stage_figures())),
        )
        return self._marked[1]

    async def _read(self) -> FlowState:
        infos = await self._runtime.bus.topics()
        letters = await self._waiting_letters(infos)
        figures = stage_figures()
        lags: dict[str, int] = {}
        working = set()
        for info in infos:
            for group in info.groups:
                lags[group.group] = lags.get(group.group, 0) + group.lag
                if group.works_elsewhere or any(item.owner for item in group.partitions):
                    working.add(group.group)
        topics_with_events = {info.topic for info in infos if info.events}
        reached = {edge.target for edge in self._edges if edge.type in topics_with_events}
        stages = tuple(
            StageState(
                stage.name,
                stage.version,
                lags.get(stage.name, 0),
                *figures.get(stage.name, (0, 0, 0)),
                letters.get(stage.name, 0),
                stage.name in working or stage.name in figures,
                stage.name not in reached and not letters.get(stage.name),
            )
            for stage in self._stages
        )
        topics = tuple(
            TopicState(
                info.topic,
                info.events,
                info.published_last_minute,
                max((group.lag for group in info.groups), default=0),
            )
            for info in infos
            if not is_dead_letter_topic(info.topic) and not is_redrive_topic(info.topic)
        )
        return FlowState(stages, topics, self._edges)

    async def _waiting_letters(self, infos: list[TopicInfo]) -> dict[str, int]:
        """By stage. All letters are read only when one came or was decided about."""
        there = sum(info.events for info in infos if is_dead_letter_topic(info.topic))
        decided = await self._runtime.store.read(
            lambda c: int(c.execute("SELECT count(*) FROM dead_letter_outcomes").fetchone()[0])
        )
        if self._letters_of != (there, decided):
            found: dict[str, int] = {}
            for letter in await waiting_letters(self._runtime, LetterFilter()) if there else ():
                found[letter.content.group] = found.get(letter.content.group, 0) + 1
            self._letters, self._letters_of = found, (there, decided)
        return self._letters


def drawn_flow(state: FlowState, text: Callable[..., str]) -> dict[str, object]:
    """The flow as nodes and edges, for the script that draws graphs.

    Args:
        text: says a message in the reader's language.
    """
    levels = rank_stages(state.edges)
    nodes: list[dict[str, object]] = []
    for stage in state.stages:
        lines = [text("to handle: %(number)s", number=stage.lag)] if stage.lag else []
        if stage.in_flight:
            lines.append(text("in flight: %(number)s", number=stage.in_flight))
        if stage.retries:
            lines.append(text("retries: %(number)s", number=stage.retries))
        if stage.dead_letters:
            lines.append(text("dead letters: %(number)s", number=stage.dead_letters))
        nodes.append(
            {"id": stage.name, "kind": "stage", "label": f"{stage.name} {stage.version}",
             "lines": lines, "state": stage.state, "quiet": stage.quiet,
             "href": f"/console/dead-letters?group={stage.name}" if stage.dead_letters
             else f"#stage-{stage.name}"}
        )  # fmt: skip
    rates = state.per_minute
    with_events = {topic.name for topic in state.topics if topic.events}
    quiet = {stage.name: stage.quiet for stage in state.stages}
    drawn: list[dict[str, object]] = []
    for edge in state.edges:
        rate = rates.get(edge.type, 0)
        if (edge.target is None and not rate) or edge.source == edge.target:
            continue  # nobody here handles it, or the stage itself: it would only take room
        ends = []
        for end, side in (
            (edge.source, text("from outside")), (edge.target, text("to subscribers")),
        ):  # fmt: skip
            if end is None:
                end = f"{edge.source or ''}>{edge.target or ''}"
                shown = edge.type in with_events and not quiet[edge.target or edge.source or ""]
                nodes.append({"id": end, "kind": "outside", "label": side, "lines": [],
                              "quiet": not shown})  # fmt: skip
            ends.append(end)
        drawn.append(
            {"from": ends[0], "to": ends[1], "state": "active" if rate else "",
             "label": f"{edge.type} {rate}/min" if rate else "",
             "title": edge.type,
             "quiet": edge.type not in with_events,
             "back": edge.source is not None and edge.target is not None
             and levels[edge.source] >= levels[edge.target],
             "href": f"/console/flow/topics/{edge.type}"}
        )  # fmt: skip
    # one that is beside several edges is quiet where all of these are
    unique = {str(node["id"]): node for node in sorted(nodes, key=lambda n: not n.get("quiet"))}
    return {"nodes": list(unique.values()), "edges": drawn}
