"""Prometheus metrics of stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from lineal.stages.result import StepResult

_EVENTS = Counter("lineal_events", "Events handled", ["stage", "outcome"])
_RETRIES = Counter("lineal_retries", "Attempts after the first", ["stage"])
_DELAYED = Counter(
    "lineal_delayed_retries", "Failed attempts after which an event waits for the next", ["stage"]
)
_SECONDS = Histogram(
    "lineal_event_seconds",
    "Time of the last attempt at an event, waiting for a worker included",
    ["stage"],
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300),
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
        self._seconds = _SECONDS.labels(stage)
        self._in_flight = _IN_FLIGHT.labels(stage)

    def committed(self, results: Sequence[StepResult]) -> None:
        """Events have their results. Counted by batch: counting takes a lock."""
        outcomes: dict[str, int] = {}
        for result in results:
            if result.record is None:
                outcomes["collected"] = outcomes.get("collected", 0) + 1
                continue
            for entry in result.record.steps:
                outcomes[entry.outcome] = outcomes.get(entry.outcome, 0) + 1
                self._seconds.observe(entry.worked / 1_000_000)
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


def seconds_samples() -> Iterator[tuple[str, list[tuple[str, float]], float]]:
    """Stage, cumulative buckets by their upper bound, and sum of the seconds of events."""
    buckets: dict[str, list[tuple[str, float]]] = {}
    sums: dict[str, float] = {}
    for family in _SECONDS.collect():
        for sample in family.samples:
            stage = sample.labels["stage"]
            if sample.name.endswith("_bucket"):
                buckets.setdefault(stage, []).append((sample.labels["le"], sample.value))
            elif sample.name.endswith("_sum"):
                sums[stage] = sample.value
    for stage, found in buckets.items():
        yield stage, found, sums[stage]


def _by_stage(metric: Counter | Gauge, name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for family in metric.collect():
        for sample in family.samples:
            if sample.name == name:
                stage = sample.labels["stage"]
                found[stage] = found.get(stage, 0) + int(sample.value)
    return found
