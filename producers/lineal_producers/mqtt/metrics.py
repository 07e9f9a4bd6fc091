"""What the bridge counts."""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import Counter

_MESSAGES = Counter("lineal_bridge_messages", "Messages of devices by what became of them", ["as"])
_READINGS = Counter("lineal_bridge_readings", "Readings put onto the bus")
_LOST = Counter("lineal_bridge_lost_readings", "Readings that gaps stand for")


def count(counts: Counts[str]) -> None:
    """Add what a batch of messages came to; see :class:`lineal_producers.mqtt.ingest.Prepared`."""
    for name, number in counts.items():
        if name == "rows":
            _READINGS.inc(number)
        elif name == "lost":
            _LOST.inc(number)
        else:
            _MESSAGES.labels(name).inc(number)
