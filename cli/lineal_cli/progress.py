"""Progress bars: one for each document under way, and one for all."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from lineal.stages.declaration import Stage
from lineal_cli.document_status import DocumentStatus
from lineal_cli.printing import console, plain

_MAX_BARS = 10
_NAME_CHARACTERS = 40


def steps_of(stages: Mapping[str, Stage]) -> dict[str, int]:
    """How many stages a document has behind it when each has been done: the length of the longest
    way to it, from producers through the event types."""
    steps = dict.fromkeys(stages, 1)
    for _ in stages:  # a way passes each stage once at most: what goes in circles ends here
        for stage in stages.values():
            before = [
                steps[other.name]
                for other in stages.values()
                if not set(other.produces).isdisjoint(stage.inputs) and other is not stage
            ]
            steps[stage.name] = min(max(before, default=0) + 1, len(stages))
    return steps


class DocumentBars:
    """Bars on standard error; a context manager."""

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self._steps = steps_of(stages)
        self._most = max(self._steps.values(), default=1)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[stage]}", markup=False, style="dim"),
            console=console(stderr=True),
            transient=True,
        )
        self._all: TaskID | None = None
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, statuses: Mapping[str, DocumentStatus]) -> None:
        """Bring the bars up to date."""
        done = sum(item.done for item in statuses.values())
        if self._all is None:
            self._all = self._progress.add_task("documents", total=len(statuses), stage="done")
        self._progress.update(self._all, completed=done)
        for event_id, item in statuses.items():
            bar = self._bars.get(event_id)
            if item.done:
                if bar is not None:
                    self._progress.remove_task(self._bars.pop(event_id))
                continue
            if bar is None:
                if len(self._bars) >= _MAX_BARS:
                    continue
                bar = self._bars[event_id] = self._progress.add_task(
                    _shortened(plain(item.name)), total=self._most, stage=""
                )
            self._progress.update(bar, completed=self._steps.get(item.stage, 0), stage=item.stage)


def _shortened(name: str) -> str:
    if len(name) <= _NAME_CHARACTERS:
        return name
    return f"{name[: _NAME_CHARACTERS - 16]}…{name[-15:]}"
