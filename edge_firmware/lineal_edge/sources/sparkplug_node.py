"""What is known of one Sparkplug B edge node: its birth, its aliases, and whether messages miss."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from lineal_edge.sources.sparkplug_payload import Metric, Payload

_SEQ = 256
BD_SEQ = "bdSeq"


class NodeState(Enum):
    """What can be made of a node's messages."""

    UNKNOWN = "no birth has been seen"
    ONLINE = "online"
    MISSED = "messages are missing; what comes is taken, and a rebirth is asked for"
    DEAD = "its death has been seen"


class NamedMetric(NamedTuple):
    """A metric whose name is known."""

    device: str
    """Empty for one of the node itself."""
    name: str
    metric: Metric


class SparkplugNode:
    """Follows the messages of one node in their order."""

    def __init__(self) -> None:
        self.state = NodeState.UNKNOWN
        self.unknown_aliases = 0
        """Metrics that no birth has named, since the start."""
        self._bd_seq: float | None = None
        self._seq: int | None = None
        self._names: dict[int, tuple[str, str]] = {}
        self._types: dict[tuple[str, str], int] = {}

    def birth(self, device: str, payload: Payload) -> list[NamedMetric]:
        """NBIRTH (no device) or DBIRTH: names, aliases and the values of now."""
        if not device:
            self._names = {}
            self._types = {}
            self._seq = payload.seq
            self.state = NodeState.ONLINE
            bd_seq = [one.value for one in payload.metrics if one.name == BD_SEQ]
            self._bd_seq = bd_seq[0] if bd_seq else None
        else:
            self._follow(payload)
        for metric in payload.metrics:
            if metric.name is not None:
                self._types[device, metric.name] = metric.data_type
                if metric.alias is not None:
                    self._names[metric.alias] = (device, metric.name)
        return list(self._named(device, payload))

    def metrics_of(self, device: str) -> frozenset[str]:
        """The metrics that the births since the node's last have named of a device."""
        return frozenset(name for owner, name in self._types if owner == device)

    def data(self, device: str, payload: Payload) -> list[NamedMetric]:
        """NDATA or DDATA."""
        self._follow(payload)
        return list(self._named(device, payload))

    def device_death(self, payload: Payload) -> None:
        """DDEATH: a message of the node like any other."""
        self._follow(payload)

    def death(self, payload: Payload) -> bool:
        """NDEATH; whether it is of this birth: that of an earlier session can come late."""
        bd_seq = [one.value for one in payload.metrics if one.name == BD_SEQ]
        if bd_seq and self._bd_seq is not None and bd_seq[0] != self._bd_seq:
            return False
        self.state = NodeState.DEAD
        return True

    def _follow(self, payload: Payload) -> None:
        if self.state in (NodeState.UNKNOWN, NodeState.DEAD):
            return
        expected = None if self._seq is None else (self._seq + 1) % _SEQ
        if payload.seq is None or payload.seq != expected:
            self.state = NodeState.MISSED
        self._seq = payload.seq

    def _named(self, device: str, payload: Payload) -> Iterator[NamedMetric]:
        for metric in payload.metrics:
            if metric.name is not None:
                known = (device, metric.name)
            elif metric.alias is not None and metric.alias in self._names:
                known = self._names[metric.alias]
            else:
                self.unknown_aliases += 1
                continue
            yield NamedMetric(*known, metric.of_type(self._types.get(known, 0)))
