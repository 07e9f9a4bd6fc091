"""Reads what devices of others publish over MQTT as JSON, or as bare numbers."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from paho.mqtt.client import topic_matches_sub
from pydantic import Field, field_validator, model_validator

from lineal_edge.sources.held_values import HeldValues
from lineal_edge.sources.json_path import follow_path, parse_path
from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.mqtt_inbox import Decoded, Message, MqttInbox, MqttSettings
from lineal_edge.sources.settings import ChannelSource, channels_of
from lineal_edge.sources.source import Sample
from lineal_edge.sources.timestamps import TimeParser
from lineal_scoring.csv_readings import number

log = logging.getLogger(__name__)


class JsonValue(ChannelSource):
    """Where in which messages a channel is."""

    named_by: ClassVar[str | None] = "path"

    topic: str
    """``+`` and ``#`` stand for others."""
    path: str | None = None
    """``$.sensors[0].value`` or ``pressure``; ``$``: the message is the number. None: the channel's
    name."""
    scale: float = 1.0
    offset: float = 0.0
    """The value is number times scale plus offset."""

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, value: str | None) -> str | None:
        if value is not None:
            parse_path(value)
        return value


class MqttSource(MqttSettings):
    """Topics of other makers' devices: values in JSON, or bare numbers."""

    kind: Literal["mqtt"]
    time: str | None = None
    """The path of a message's time; none: the moment it comes."""
    zone: str | None = None
    """Of times that name none; none: the device's own."""
    channels: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _time_is_known(self) -> MqttSource:
        if self.time is not None:
            parse_path(self.time)
        TimeParser(self.zone)
        return self


class MqttJson:
    """A reading for each message that has a value; of other channels it has the newest."""

    def __init__(self, settings: MqttSource, device: str) -> None:
        """
        Raises:
            BadMachine: the machine file cannot be used.
            ValueError: there are no channels.
        """
        channels = channels_of(settings, settings.channels, JsonValue)
        if not channels:
            raise ValueError("channels: name topics and paths, or a machine whose channels do")
        self._channels = [
            (name, one, parse_path(one.path or "$")) for name, one in channels.items()
        ]
        self._time = None if settings.time is None else parse_path(settings.time)
        self._parser = TimeParser(settings.zone)
        self._held = HeldValues(channels)
        topics = list(dict.fromkeys(one.topic for one in channels.values()))
        self._inbox = MqttInbox(settings, f"lineal-edge-{device}-source", topics)
        self._complained = False
        self.counts = self._inbox.counts
        """Bad lines are messages without a value, or with a time that is none."""
        self.features = tuple(channels)
        self.name = f"mqtt:{settings.host}:{settings.port}:{settings.client_id or device}"

    @property
    def connected(self) -> bool:
        """Whether there is a connection, and the topics are subscribed."""
        return self._inbox.connected

    def samples(self, after: str | None) -> Iterator[Sample]:
        return self._inbox.samples(after, self._decode, self._held.state, self._held.restore)

    def committed(self, position: str) -> None:
        self._inbox.committed(position)

    def close(self) -> None:
        self._inbox.close()

    def _decode(self, message: Message) -> Iterator[Decoded]:
        try:
            content = json.loads(message.payload)
        except ValueError:
            content = message.payload.decode(errors="replace")  # a number with a decimal comma
        values: dict[str, float] = {}
        for name, channel, steps in self._channels:
            if topic_matches_sub(channel.topic, message.topic):
                value = _number(follow_path(content, steps))
                if value is not None:
                    values[name] = value * channel.scale + channel.offset
        # a bare number says no time: it is of the moment it comes
        stated = None if self._time is None else follow_path(content, self._time)
        wall = None if stated is None else self._parser.parse(str(stated))
        if not values or (stated is not None and wall is None):
            self.counts.bad_lines += 1
            if not self._complained:
                self._complained = True
                log.warning("%s: nothing to read in %r", message.topic, message.payload[:200])
            return
        yield Decoded(self._held.update(values), wall)


def _number(value: Any) -> float | None:
    """A number, also one in a text; NaN for null, None for what is none."""
    if isinstance(value, (bool, int, float)):
        return float(value) if math.isfinite(value) else math.nan
    return number(value) if isinstance(value, str) else None


def _open(settings: MqttSource, device: str) -> MqttJson:
    return MqttJson(settings, device)


KIND = SourceKind(MqttSource, _open)
