"""Prometheus metrics of stages."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

from lineal.stages.result import StepResult

_EVENTS = Counter("lineal_events", "Events handled", ["stage", "outcome"])
_RETRIES = Counter("lineal_retries", "Attempts after the first", ["stage"])
_SECONDS = Histogram(
    "lineal_event_seconds",
    "Time of the last attempt at an event, waiting for a worker included",
    ["stage"],
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300),
)
_IN_FLIGHT = Gauge("lineal_in_flight", "Events begun or waiting in memory", ["stage"])


class StageMetrics:
    """The metrics of one stage."""

    __slots__ = ("_events", "_in_flight", "_retries", "_seconds", "_stage")

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._events: dict[str, Counter] = {}
        self._retries = _RETRIES.labels(stage)
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

    def in_flight(self, events: int) -> None:
        self._in_flight.set(events)
