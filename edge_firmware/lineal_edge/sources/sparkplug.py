"""Reads the metrics of a Sparkplug B edge node and its devices."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from lineal_edge.sources.held_values import HeldValues
from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.mqtt_inbox import Decoded, Message, MqttInbox, MqttSettings
from lineal_edge.sources.settings import ChannelSource, channels_of
from lineal_edge.sources.source import Sample
from lineal_edge.sources.sparkplug_node import BD_SEQ, NamedMetric, NodeState, SparkplugNode
from lineal_edge.sources.sparkplug_payload import BadPayload, decode, encode

log = logging.getLogger(__name__)

_REBIRTH = "Node Control/Rebirth"
_ASK_SECONDS = 5.0
_NAMED = 20
"""Metrics that a warning names at most."""
_TYPES = ("NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH")


class SparkplugMetric(ChannelSource):
    """The metric that a channel is."""

    named_by: ClassVar[str | None] = "metric"

    metric: str | None = None
    """Its name; none: the channel's."""
    device: str = ""
    """Of the node's devices; none: the node itself."""
    scale: float = 1.0
    offset: float = 0.0
    """The value is number times scale plus offset."""


class SparkplugSource(MqttSettings):
    """A Sparkplug B edge node and its devices."""

    kind: Literal["sparkplug"]
    group: Annotated[str, Field(min_length=1, pattern=r"^[^+#/]+$")]
    node: Annotated[str, Field(min_length=1, pattern=r"^[^+#/]+$")]
    host_id: Annotated[str, Field(pattern=r"^[^+#/]+$")] | None = None
    """Of the primary host that nodes wait for: those that are told to keep what they measure while
    it is away do so while the agent is. None: the agent is no host application."""
    channels: dict[str, SparkplugMetric] = Field(default_factory=dict)


class Sparkplug:
    """A reading for each moment that a message has values of; of other channels the newest.

    What a node says again, as in a birth that was asked for, is known by its time. What is dead has
    no values until the next birth.
    """

    def __init__(self, settings: SparkplugSource, device: str) -> None:
        """
        Raises:
            BadMachine: the machine file cannot be used.
            ModuleNotFoundError: protobuf is not installed.
            ValueError: there are no channels.
        """
        encode(())  # without the library, that is to be said at once
        channels = channels_of(settings, settings.channels, SparkplugMetric)
        if not channels:
            raise ValueError("channels: name metrics, or a machine whose channels do")
        self.features = tuple(channels)
        self._channels = list(channels.values())
        self._index = {
            (one.device, str(one.metric)): index for index, one in enumerate(self._channels)
        }
        self._settings = settings
        self._node = SparkplugNode()
        self._held = HeldValues(self.features)
        self._at = [0] * len(self.features)
        """Of the newest value of each channel, in milliseconds."""
        self._born = [0] * len(self.features)
        """Of the value that a birth has said last."""
        self._complained: set[str] = set()
        self._asked_at = -_ASK_SECONDS
        host = f"spBv1.0/STATE/{settings.host_id}"
        self._host = None if settings.host_id is None else host
        self._online_ms = time.time_ns() // 1_000_000
        base = f"spBv1.0/{settings.group}"
        topics = [
            f"{base}/{kind}/{settings.node}" + ("/+" if kind.startswith("D") else "")
            for kind in _TYPES
        ]
        self._inbox = MqttInbox(
            settings,
            f"lineal-edge-{device}-source",
            topics,
            will=None if self._host is None else (self._host, self._state(online=False)),
            on_connect=self._connected,
        )
        self.counts = self._inbox.counts
        """Bad lines are payloads that cannot be decoded, and metrics that no birth has named."""
        self.name = f"sparkplug:{settings.host}:{settings.port}:{settings.group}/{settings.node}"

    @property
    def connected(self) -> bool:
        """Whether there is a connection, and the topics are subscribed."""
        return self._inbox.connected

    def samples(self, after: str | None) -> Iterator[Sample]:
        return self._inbox.samples(after, self._decode, self._kept, self._restore)

    def committed(self, position: str) -> None:
        self._inbox.committed(position)

    def close(self) -> None:
        if self._host is not None:
            self._inbox.publish(self._host, self._state(online=False), retain=True)
        self._inbox.close()

    def _kept(self) -> list[Any]:
        return [self._at, self._born, self._held.state()]

    def _restore(self, kept: Any) -> None:
        at, born, held = kept
        if len(at) == len(self._at):
            self._at, self._born = at, born
            self._held.restore(held)

    def _state(self, *, online: bool) -> bytes:
        return json.dumps({"online": online, "timestamp": self._online_ms}).encode()

    def _connected(self, inbox: MqttInbox) -> None:
        if self._host is not None:
            inbox.publish(self._host, self._state(online=True), retain=True)
        # births are not retained: who was not there asks for one
        self._ask()

    def _ask(self) -> None:
        """For a rebirth, but not again and again while it is on its way."""
        now = time.monotonic()
        if now - self._asked_at < _ASK_SECONDS:
            return
        self._asked_at = now
        settings = self._settings
        topic = f"spBv1.0/{settings.group}/NCMD/{settings.node}"
        stamp = time.time_ns() // 1_000_000
        payload = encode([(_REBIRTH, None, True, stamp)], timestamp_ms=stamp)
        self._inbox.publish(topic, payload, qos=0)

    def _decode(self, message: Message) -> Iterator[Decoded]:
        _, _, kind, _, *rest = message.topic.split("/")
        device = rest[0] if rest else ""
        try:
            payload = decode(message.payload)
        except BadPayload as error:
            self.counts.bad_lines += 1
            log.warning("%s: no payload of Sparkplug B: %s", message.topic, error)
            return
        node = self._node
        unknown = node.unknown_aliases
        found: list[NamedMetric] = []
        if kind in ("NBIRTH", "DBIRTH"):
            found = node.birth(device, payload)
            self._name_what_lacks(device)
        elif kind in ("NDATA", "DDATA"):
            found = node.data(device, payload)
        elif kind == "DDEATH":
            node.device_death(payload)
            yield from self._dead(device)
        elif node.death(payload):
            yield from self._dead(None)
        self.counts.bad_lines += node.unknown_aliases - unknown
        if node.state in (NodeState.UNKNOWN, NodeState.MISSED):
            if node.state is NodeState.MISSED:
                log.info("%s: %s", self._settings.node, node.state.value)
            self._ask()
        yield from self._moments(found, payload.timestamp_ms, birth=kind.endswith("BIRTH"))

    def _name_what_lacks(self, device: str) -> None:
        """Say which channels a birth does not name: a misspelt one would be silent for ever."""
        known = self._node.metrics_of(device)
        whose = f"device {device!r}" if device else "the node"
        for (owner, metric), index in self._index.items():
            if owner == device and metric not in known:
                named = ", ".join(sorted(known - {BD_SEQ})[:_NAMED]) or "nothing"
                self._complain(
                    f"{self.features[index]} has no value: the birth of {whose} names no "
                    f"{metric!r}, but {named}"
                )

    def _complain(self, text: str) -> None:
        """Once, not with every message."""
        if text not in self._complained:
            self._complained.add(text)
            log.warning("%s: %s", self._settings.node, text)

    def _moments(
        self, metrics: list[NamedMetric], stamp_ms: int | None, *, birth: bool
    ) -> Iterator[Decoded]:
        """What was measured at one time is one reading. A birth says values of now, of which those
        are known that are not newer than the last; other messages may bring older ones, which the
        node has kept."""
        now_ms = time.time_ns() // 1_000_000
        moments: dict[int, dict[int, float]] = {}
        for device, name, metric in metrics:
            index = self._index.get((device, name))
            if index is None:
                continue
            if metric.value is None:
                self.counts.bad_lines += 1
                self._complain(f"{self.features[index]} has no value: {name!r} is no number")
                continue
            moment = metric.timestamp_ms or stamp_ms or now_ms
            known = moment <= self._at[index] if birth else moment == self._born[index]
            if known:
                self.counts.duplicates += 1
                continue
            if birth:
                self._born[index] = moment
            moments.setdefault(moment, {})[index] = metric.value
        for moment, together in sorted(moments.items()):
            values: dict[str, float] = {}
            newer = False
            for index, value in together.items():
                newer = newer or moment >= self._at[index]
                self._at[index] = max(moment, self._at[index])
                channel = self._channels[index]
                values[self.features[index]] = value * channel.scale + channel.offset
            update = self._held.update if newer else self._held.with_older
            yield Decoded(update(values), moment * 1000)

    def _dead(self, device: str | None) -> Iterator[Decoded]:
        """No values of a device, or of the whole node (None), from now on."""
        gone = {
            name: math.nan
            for name, channel in zip(self.features, self._channels, strict=True)
            if device is None or channel.device == device
        }
        if gone:
            yield Decoded(self._held.update(gone), None)


def _open(settings: SparkplugSource, device: str) -> Sparkplug:
    return Sparkplug(settings, device)


KIND = SourceKind(SparkplugSource, _open, extra="sparkplug", libraries=("google.protobuf",))
