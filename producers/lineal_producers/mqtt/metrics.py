"""The bridge's metrics."""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import Counter, Gauge

_MESSAGES = Counter("lineal_bridge_messages", "Messages of devices by what became of them", ["as"])
_READINGS = Counter("lineal_bridge_readings", "Readings put onto the bus")
_LOST = Counter("lineal_bridge_lost_readings", "Readings that gaps stand for")
SHARES = Gauge("lineal_bridge_shares", "Shares of the devices that this process works for")
TAKE_OVERS = Counter("lineal_bridge_take_overs", "Shares of the devices that this process took")
OTHERS = Counter(
    "lineal_bridge_messages_of_others", "Messages of devices that another share works for"
)


def count(counts: Counts[str]) -> None:
    """Count the results of a batch; see :class:`lineal_producers.mqtt.ingest.Prepared`."""
    for name, number in counts.items():
        if name == "rows":
            _READINGS.inc(number)
        elif name == "lost":
            _LOST.inc(number)
        else:
            _MESSAGES.labels(name).inc(number)
