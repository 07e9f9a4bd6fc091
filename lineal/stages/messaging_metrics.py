"""The figures of stages under the names of OpenTelemetry's conventions for messaging.

https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/, in Prometheus' spelling:
``messaging.process.duration`` is ``messaging_process_duration_seconds``. They are derived when they
are asked for from what is counted anyway, so they cost events nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from lineal.stages.event_seconds import seconds_by_stage
from lineal.stages.metrics import event_samples

_LABELS = (
    "messaging_system",
    "messaging_operation_name",
    "messaging_consumer_group_name",
)


class MessagingMetrics(Collector):
    """Collects them for a bus.

    Args:
        system: ``messaging.system`` of the bus.
    """

    def __init__(self, system: str) -> None:
        self._system = system

    def collect(self) -> Iterator[Metric]:
        consumed = CounterMetricFamily(
            "messaging_client_consumed_messages",
            "Events handled (messaging.client.consumed.messages)",
            labels=(*_LABELS, "lineal_outcome"),
        )
        for stage, outcome, value in event_samples():
            consumed.add_metric([*self._labels(stage), outcome], value)
        yield consumed
        durations = HistogramMetricFamily(
            "messaging_process_duration_seconds",
            "Time of the last attempt at an event (messaging.process.duration)",
            labels=_LABELS,
        )
        for stage, counted in seconds_by_stage():
            durations.add_metric(self._labels(stage), counted.buckets(), counted.total())
        yield durations

    def _labels(self, stage: str) -> list[str]:
        return [self._system, "process", stage]
