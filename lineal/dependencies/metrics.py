"""Prometheus metrics of what stages call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CALLS = Counter(
    "lineal_dependency_calls", "Calls of what stages depend on", ["dependency", "outcome"]
)
WAITING = Gauge(
    "lineal_dependency_waiting",
    "Calls that wait for their turn, or for the circuit to close",
    ["dependency"],
)
OPEN = Gauge(
    "lineal_circuit_open",
    "1 while what stages call does not answer",
    ["dependency"],
)
OPENED = Counter("lineal_circuit_opened", "How often a circuit has opened", ["dependency"])
