"""How long events took, by stage: a histogram counted by batch and made when it is asked for.

An ``observe`` of the client library for every event takes locks that add up to a tenth of what a
short function costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector
from prometheus_client.utils import floatToGoString

_BOUNDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300)
"""Seconds."""
_BOUNDS_US = tuple(round(bound * 1_000_000) for bound in _BOUNDS)
_LABELS = [*map(floatToGoString, _BOUNDS), "+Inf"]


class EventSeconds:
    """The times of one stage's events."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0] * len(_LABELS)
        self._total = 0

    def add(self, times: Iterable[int]) -> None:
        """Count events that took so many microseconds each."""
        counts = self._counts
        for time in times:
            counts[bisect_left(_BOUNDS_US, time)] += 1
            self._total += time

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds, and how many events took no longer."""
        reached = 0
        found: list[tuple[str, float]] = []
        for label, count in zip(_LABELS, self._counts, strict=True):
            reached += count
            found.append((label, reached))
        return found

    def total(self) -> float:
        """Seconds of all events."""
        return self._total / 1_000_000


class _Collector(Collector):
    def __init__(self) -> None:
        self.stages: dict[str, EventSeconds] = {}

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "lineal_event_seconds",
            "Time of the last attempt at an event, waiting for a worker included",
            labels=["stage"],
        )
        for stage, counted in list(self.stages.items()):
            family.add_metric([stage], counted.buckets(), counted.total())
        yield family


_ALL = _Collector()
REGISTRY.register(_ALL)


def event_seconds(stage: str) -> EventSeconds:
    """The times of a stage's events in this process."""
    return _ALL.stages.setdefault(stage, EventSeconds())


def seconds_by_stage() -> Iterator[tuple[str, EventSeconds]]:
    """Those of all stages that this process has run."""
    yield from list(_ALL.stages.items())
