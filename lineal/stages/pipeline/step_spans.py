"""A span for each attempt of a step, and one for each call with a batch of events."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lineal.observability.spans import (
    Span,
    SpanContext,
    SpanExporter,
    context_of,
    event_attributes,
    links_to,
    step_context,
)
from lineal.observability.tracing import new_span_context
from lineal.stages.pipeline.invocation import Invocation


class StepSpans:
    """Exports the spans of what has come to an end.

    A step's parent is the span in which its event was published. A fan-in step is linked to all of
    its parts. Steps of one call with a batch are linked to the span of the call, and that one to
    the events: each event keeps its own trace.
    """

    def __init__(self, stage: str, exporter: SpanExporter) -> None:
        self._stage = stage
        self._exporter = exporter

    async def before(self, invocations: Sequence[Invocation]) -> None:
        """Attempts have the times at which they began already."""

    async def after(self, invocations: Sequence[Invocation]) -> None:
        ended = time.time_ns()
        calls: dict[int, list[Invocation]] = {}
        for invocation in invocations:
            if invocation.step is not None:
                calls.setdefault(id(invocation.step), []).append(invocation)
        links: dict[int, SpanContext] = {}
        for key, together in calls.items():
            if len(together) > 1:
                links[key] = self._export_call(together)
        for invocation in invocations:
            self._export_step(invocation, ended, links.get(id(invocation.step)))

    def _export_call(self, together: Sequence[Invocation]) -> SpanContext:
        context = SpanContext(*new_span_context())
        first = together[0]
        started = first.started * 1000
        self._exporter.export(
            Span(
                f"process {self._stage}",
                "consumer",
                context,
                None,
                started,
                started + sum(invocation.worked_ns for invocation in together),
                {
                    **self._attributes(first),
                    "messaging.batch.message_count": len(together),
                },
                links_to([invocation.event for invocation in together]),
                None if not first.failed_together else type(first.error).__name__,
            )
        )
        return context

    def _export_step(self, invocation: Invocation, ended: int, call: SpanContext | None) -> None:
        event, error = invocation.event, invocation.error
        failed = None if error is None else invocation.attempt
        links = [] if call is None else [call]
        if invocation.parts is not None:
            links = links_to([part for part, _ in invocation.parts])
        started = (invocation.started or invocation.began) * 1000
        if started:
            ended = max(started, min(ended, started + (invocation.worked_ns or ended - started)))
        self._exporter.export(
            Span(
                f"process {self._stage}",
                "consumer",
                step_context(self._stage, event, failed),
                context_of(event),
                started or ended,
                ended,
                {
                    **self._attributes(invocation),
                    "messaging.destination.partition.id": str(
                        invocation.delivery.position.partition
                    ),
                    **event_attributes(event),
                    "lineal.outcome": "failed" if error is not None else self._outcome(invocation),
                    "lineal.attempt": invocation.attempt,
                },
                links,
                None if error is None else type(error).__name__,
            )
        )

    def _outcome(self, invocation: Invocation) -> str:
        return "collected" if invocation.incomplete else invocation.outcome

    def _attributes(self, invocation: Invocation) -> dict[str, str | int | bool]:
        return {
            "messaging.system": self._exporter.system,
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": invocation.delivery.position.topic,
            "messaging.consumer.group.name": self._stage,
        }
