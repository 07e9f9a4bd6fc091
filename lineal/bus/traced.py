"""A bus whose publishing and committing is exported as spans."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from lineal.bus.protocol import (
    Addressed,
    Batch,
    Bus,
    Delivery,
    FencingBus,
    OnRevoking,
    Position,
    PublishFenced,
    Selection,
    Start,
    Subscription,
    TopicInfo,
    TopicSettings,
)
from lineal.bus.topic_names import is_dead_letter_topic
from lineal.effects.effect import Effect
from lineal.observability.spans import (
    Span,
    SpanContext,
    SpanExporter,
    context_of,
    links_to,
    publish_span,
    step_context,
)
from lineal.observability.tracing import ambient_traceparent, new_span_context


class TracedBus:
    """Passes everything on to a bus, and exports spans.

    Attributes:
        traced: the bus itself.
    """

    def __init__(self, bus: Bus, exporter: SpanExporter) -> None:
        self.traced = bus
        self.capabilities = bus.capabilities
        self._exporter = exporter

    @property
    def identity(self) -> str:
        return self.traced.identity

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        started = time.time_ns()
        positions = await self.traced.publish(outputs, effects)
        self._export_published(outputs, started)
        return positions

    async def fenced(self, name: str) -> PublishFenced:
        if not isinstance(self.traced, FencingBus):
            raise TypeError(f"{type(self.traced).__name__} fences nobody")
        publish = await self.traced.fenced(name)

        async def publish_traced(outputs: Sequence[Addressed], effects: Sequence[Effect]) -> None:
            started = time.time_ns()
            await publish(outputs, effects)
            self._export_published(outputs, started)

        return publish_traced

    def _export_published(self, outputs: Sequence[Addressed], started: int) -> None:
        ambient = _ambient()
        for topic, event in outputs:
            within = ambient if event.causationid is None else None
            if within is not None and (context_of(event) or within).trace != within.trace:
                within = None
            _export(
                self._exporter,
                [publish_span(self._exporter.system, topic, event, within, started)],
            )

    async def subscribe(
        self,
        group: str,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        on_revoking: OnRevoking | None = None,
    ) -> Subscription:
        subscription = await self.traced.subscribe(
            group, topics, start=start, on_revoking=on_revoking
        )
        return TracedSubscription(subscription, group, self._exporter)

    def read(
        self,
        topic: str,
        selection: Selection | None = None,
        *,
        follow: bool = False,
        begun: Callable[[], None] | None = None,
    ) -> AsyncIterator[Delivery]:
        return self.traced.read(topic, selection, follow=follow, begun=begun)

    async def seek(self, group: str, topic: str, *, offset: int | None, time: int | None) -> None:
        await self.traced.seek(group, topic, offset=offset, time=time)

    async def topics(self) -> list[TopicInfo]:
        return await self.traced.topics()

    async def create_topic(
        self,
        topic: str,
        settings: TopicSettings | None = None,
        *,
        groups: Sequence[str] = (),
    ) -> None:
        await self.traced.create_topic(topic, settings, groups=groups)

    async def close(self) -> None:
        await self.traced.close()


class TracedSubscription:
    """Exports a span for each commit, linked to the events that it acknowledges, and one for each
    event that is published by it."""

    def __init__(self, subscription: Subscription, group: str, exporter: SpanExporter) -> None:
        self._subscription = subscription
        self._group = group
        self._exporter = exporter

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        return await self._subscription.fetch(limit, seconds)

    async def commit(self, batch: Batch) -> None:
        started = time.time_ns()
        try:
            await self._subscription.commit(batch)
        except Exception as error:
            self._exporter.export(self._commit_span(batch, started, type(error).__name__))
            raise
        self._exporter.export(self._commit_span(batch, started, None))
        handled = {delivery.event.id: delivery.event for delivery in batch.acks}
        spans = []
        for topic, event in batch.outputs:
            cause = handled.get(event.causationid or "")
            # Of a dead letter the event itself: several attempts have failed.
            parent = None
            if cause is not None and not is_dead_letter_topic(topic):
                parent = step_context(self._group, cause)
            spans.append(publish_span(self._exporter.system, topic, event, parent, started))
        _export(self._exporter, spans)

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self._subscription.release(deliveries)

    async def close(self) -> None:
        await self._subscription.close()

    def _commit_span(self, batch: Batch, started_ns: int, error: str | None) -> Span:
        return Span(
            f"commit {self._group}",
            "client",
            SpanContext(*new_span_context()),
            None,
            started_ns,
            time.time_ns(),
            {
                "messaging.system": self._exporter.system,
                "messaging.operation.type": "settle",
                "messaging.operation.name": "commit",
                "messaging.consumer.group.name": self._group,
                "messaging.batch.message_count": len(batch.acks),
            },
            links_to([delivery.event for delivery in batch.acks]),
            error,
        )


def _export(exporter: SpanExporter, spans: Iterable[Span | None]) -> None:
    for span in spans:
        if span is not None:
            exporter.export(span)


def _ambient() -> SpanContext | None:
    traceparent = ambient_traceparent()
    return None if traceparent is None else SpanContext(traceparent[3:35], traceparent[36:52])
