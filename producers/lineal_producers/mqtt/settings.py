"""Settings of the MQTT bridge: ``[mqtt]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lineal.former_settings import former_names


class MqttSettings(BaseModel):
    """The broker of the devices, and how the bridge takes part in it."""

    model_config = ConfigDict(extra="forbid")
    _former_names = former_names(gap_confirmations="hole_sightings")

    url: str | None = None
    """``mqtts://HOST[:PORT]`` (TLS) or ``mqtt://HOST[:PORT]``; none: no bridge."""
    ca: Path | None = None
    """Authority that signed the broker's certificate (PEM); none: those of the machine."""
    certificate: Path | None = None
    key: Path | None = None
    """The bridge's own, for brokers that ask for client certificates (PEM)."""
    authority: Path | None = None
    """Folder of the authority for devices, where it is on this machine; ``lineal doctor`` looks
    there for what expires."""
    username: str | None = None
    password: SecretStr | None = None
    client_id: str = "lineal-bridge"
    """Bridges with the same id share the devices, by ``shares``."""
    shares: Annotated[int, Field(ge=1, le=64)] = 1
    """Into so many shares the devices are divided, and so many bridges work at a time; others are
    on standby. The broker sends each message once to every share. ``{share}`` in ``certificate``,
    ``key`` and ``username`` stands for the number of the share."""
    talk_as: str | None = None
    """A user with the role reader, as whom devices talk with dialogues; none: they may not."""
    protocol: Literal[5, 4] = 5
    """5, or 4 for a broker that knows MQTT 3.1.1 only."""
    keepalive: Annotated[int, Field(ge=5)] = 30
    """Seconds."""
    session_seconds: Annotated[int, Field(ge=0)] = 86_400
    """How long the broker keeps messages for a bridge that is away."""
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] = 2_000
    """Messages the broker may send before it waits for an acknowledgement."""
    buffer_bytes: Annotated[int, Field(ge=1)] = 64 << 20
    """Bytes of messages that may wait in memory."""
    message_bytes: Annotated[int, Field(ge=1)] = 8 << 20
    """Largest message; larger ones are refused."""
    gap_confirmations: Annotated[int, Field(ge=1)] = 10
    """How often a device that was asked for missing numbers has to begin after them again before
    the gap is believed."""
