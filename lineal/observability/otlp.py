"""Exports spans over OTLP/HTTP with OpenTelemetry's SDK, in a thread of its own."""

from __future__ import annotations

import os

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace import SpanContext as OtelContext

from lineal.observability.spans import Span, SpanContext
from lineal.observability.tracing_settings import TracingSettings

_KINDS = {
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
}
_SCOPE = InstrumentationScope("lineal")
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
_SECONDS = 2.0
_TRACES_PATH = "/v1/traces"


class OtlpExporter:
    """Exports in batches; what a collector that is away does not take in time is dropped, which the
    SDK's log says. Its variables ``OTEL_BSP_*`` and ``OTEL_EXPORTER_OTLP_*`` hold.

    Args:
        system: ``messaging.system`` of the bus.
    """

    def __init__(self, settings: TracingSettings, system: str) -> None:
        endpoint = settings.endpoint
        # As OpenTelemetry does with the base URL of its variables.
        url = None if endpoint is None else endpoint.rstrip("/") + _TRACES_PATH
        self.system = system
        named = SERVICE_NAME in OTELResourceDetector().detect().attributes
        self._resource = Resource.create({} if named else {SERVICE_NAME: settings.service_name})
        self._bound = TraceIdRatioBased.get_bound_for_rate(settings.sample_ratio)
        # The SDK tries for ten seconds: a command would take as long to end.
        seconds = None if any(map(os.environ.get, _TIMEOUTS)) else _SECONDS
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=seconds))

    def export(self, span: Span) -> None:
        context = span.context
        if not context.sampled or int(context.trace[16:], 16) >= self._bound:
            return
        attributes = dict(span.attributes)
        status = Status(StatusCode.UNSET)
        if span.error is not None:
            attributes["error.type"] = span.error
            status = Status(StatusCode.ERROR)
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=_context(context),
                parent=None if span.parent is None else _context(span.parent, remote=True),
                resource=self._resource,
                attributes=attributes,
                links=[Link(_context(link, remote=True)) for link in span.links],
                kind=_KINDS[span.kind],
                status=status,
                start_time=span.started_ns,
                end_time=span.ended_ns,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Export what is left; waits for the collector, for as long as the SDK's limits say."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _context(context: SpanContext, *, remote: bool = False) -> OtelContext:
    flags = TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT
    return OtelContext(int(context.trace, 16), int(context.span, 16), remote, TraceFlags(flags))
