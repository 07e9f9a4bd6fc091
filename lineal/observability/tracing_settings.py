"""Where spans are exported to: ``[tracing]``."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class TracingSettings(BaseModel):
    """Export of spans over OTLP/HTTP (``lineal[otel]``). The variables ``OTEL_*`` of OpenTelemetry
    count as well: an endpoint there is enough to turn it on."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str | None = None
    """Base URL of the collector, as ``http://localhost:4318``; none: that of
    ``OTEL_EXPORTER_OTLP_ENDPOINT``, and without one nothing is exported."""
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of all traces, which part is exported; decided by the trace id, so by every process alike."""
    service_name: str = "lineal"
    """``service.name`` of the spans; ``OTEL_SERVICE_NAME`` wins."""

    @property
    def enabled(self) -> bool:
        """Whether spans are exported."""
        if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
            return False
        if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "none":
            return False
        return self.endpoint is not None or any(os.environ.get(name) for name in _ENDPOINTS)
