"""Prometheus metrics of stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prometheus_client import Counter, Gauge

from lineal.stages.event_seconds import event_seconds
from lineal.stages.result import StepResult

_EVENTS = Counter("lineal_events", "Events handled", ["stage", "outcome"])
_RETRIES = Counter("lineal_retries", "Attempts after the first", ["stage"])
_DELAYED = Counter(
    "lineal_delayed_retries", "Failed attempts after which an event waits for the next", ["stage"]
)
_IN_FLIGHT = Gauge("lineal_in_flight", "Events begun or waiting in memory", ["stage"])


class StageMetrics:
    """The metrics of one stage."""

    __slots__ = ("_delayed", "_events", "_in_flight", "_retries", "_seconds", "_stage")

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._events: dict[str, Counter] = {}
        self._retries = _RETRIES.labels(stage)
        self._delayed = _DELAYED.labels(stage)
        self._seconds = event_seconds(stage)
        self._in_flight = _IN_FLIGHT.labels(stage)

    def committed(self, results: Sequence[StepResult]) -> None:
        """Events have their results. Counted by batch: counting takes a lock."""
        outcomes: dict[str, int] = {}
        times: list[int] = []
        for result in results:
            if result.record is None:
                outcomes["collected"] = outcomes.get("collected", 0) + 1
                continue
            for entry in result.record.steps:
                outcomes[entry.outcome] = outcomes.get(entry.outcome, 0) + 1
                times.append(entry.worked)
        self._seconds.add(times)
        for name, count in outcomes.items():
            counter = self._events.get(name)
            if counter is None:
                counter = self._events[name] = _EVENTS.labels(self._stage, name)
            counter.inc(count)

    def retried(self) -> None:
        self._retries.inc()

    def delayed(self) -> None:
        self._delayed.inc()

    def in_flight(self, events: int) -> None:
        self._in_flight.set(events)


class StageFigures(NamedTuple):
    """What a stage has done in this process since it was started."""

    in_flight: int
    """Events begun or waiting in memory, now."""
    handled: int
    retries: int


def stage_figures() -> dict[str, StageFigures]:
    """The figures of the stages that this process runs."""
    in_flight, handled, retries = (
        _by_stage(metric, name)
        for metric, name in (
            (_IN_FLIGHT, "lineal_in_flight"),
            (_EVENTS, "lineal_events_total"),
            (_RETRIES, "lineal_retries_total"),
        )
    )
    return {
        stage: StageFigures(number, handled.get(stage, 0), retries.get(stage, 0))
        for stage, number in in_flight.items()
    }


def event_samples() -> Iterator[tuple[str, str, float]]:
    """Stage, outcome and number of events handled in this process."""
    for family in _EVENTS.collect():
        for sample in family.samples:
            if sample.name == "lineal_events_total":
                yield sample.labels["stage"], sample.labels["outcome"], sample.value


def _by_stage(metric: Counter | Gauge, name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for family in metric.collect():
        for sample in family.samples:
            if sample.name == name:
                stage = sample.labels["stage"]
                found[stage] = found.get(stage, 0) + int(sample.value)
    return found
