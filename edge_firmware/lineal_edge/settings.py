"""The agent's settings, read from one TOML file."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)

from lineal_edge.sources.kinds import read_source
from lineal_edge.sources.settings import SourceSettings
from lineal_schemas.errors import LinealError
from lineal_schemas.telemetry import DeviceId
from lineal_schemas.toml_lines import line_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_FILE = Path("/etc/lineal-edge/agent.toml")


class BadSettings(LinealError, ValueError):
    """The settings file cannot be used, and why."""


class _Section(BaseModel):
    # a misspelt setting must not silently leave the default
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClientTls(_Section):
    """Certificates for mutual TLS, PEM files."""

    ca: Path
    certificate: Path
    key: Path


class Broker(_Section):
    """Where readings go."""

    host: str = "localhost"
    port: Annotated[int, Field(gt=0, lt=65536)] = 8883
    tls: ClientTls | None = None
    protocol: Literal[5, 4] = 5
    """5, or 4 for brokers that know MQTT 3.1.1 only (their last wills come without delay)."""
    keepalive: Annotated[int, Field(ge=5)] = 30
    """Seconds."""
    will_delay: Annotated[int, Field(ge=0)] = 30
    """Seconds a lost device may take to come back before the broker declares it dead."""


class Publishing(_Section):
    """How readings are put into messages, sent, and sent again."""

    batch_rows: Annotated[int, Field(ge=1, le=1000)] = 20
    """Readings in a message while the bus keeps up."""
    backlog_rows: Annotated[int, Field(ge=1, le=1000)] = 100
    """At most, while it has to catch up."""
    wait: Annotated[float, Field(ge=0)] = 1.0
    """Seconds the first reading of a message waits for others."""
    in_flight: Annotated[int, Field(ge=1, le=100)] = 50
    """Messages sent that the bus has not confirmed; paho goes through all of them for every
    confirmation, so more than a hundred is slower again."""
    message_bytes: Annotated[int, Field(ge=10_000)] = 100_000
    """Largest message; brokers in the cloud take no more than 128 KiB."""
    resend_after: Annotated[float, Field(gt=0)] = 60.0
    """Seconds without a confirmation after which everything unconfirmed is sent again; doubles
    each time, up to ten minutes."""
    backoff_first: Annotated[float, Field(gt=0)] = 1.0
    backoff_max: Annotated[
        float, Field(gt=0, validation_alias=AliasChoices("backoff_max", "backoff_most"))
    ] = 120.0
    """Seconds: bounds of the wait before the first and any new connection. ``backoff_most`` is the
    former name of the upper one; it still works."""


class OutboxSettings(_Section):
    """What is kept on the disk until the bus has confirmed it."""

    cap_bytes: Annotated[int, Field(ge=1 << 20)] = 512 << 20
    """Of disk; when it is reached the oldest readings go first."""
    commit_rows: Annotated[int, Field(ge=1)] = 100
    commit_seconds: Annotated[float, Field(gt=0)] = 0.25
    """A commit, after so many readings or so long: what a power cut can take."""
    queue: Annotated[int, Field(ge=1)] = 20_000
    """Readings held in memory while the disk is busy."""


class ScoringSettings(_Section):
    enabled: bool = True
    queue: Annotated[int, Field(ge=1)] = 2_000
    """Readings that may wait to be scored before some are skipped."""


class UpdateSettings(_Section):
    """Whose models and agents are taken over, and how a new one is tried out."""

    enabled: bool = True
    trusted_keys: dict[str, str] = {}
    """Ed25519 public keys, base64 of their 32 bytes, by key id: who may sign model packages."""
    root: Path | None = None
    """Root metadata (TUF) in a file, which trust begins with: it says how many of which keys have
    to sign, and how other keys take their place. Instead of ``trusted_keys``."""
    fleet: str | None = None
    """The fleet this device is of; packages for another, or for none, are not used."""

    @field_validator("trusted_keys")
    @classmethod
    def _are_keys(cls, keys: dict[str, str]) -> dict[str, str]:
        for name, key in keys.items():
            if len(base64.b64decode(key, validate=True)) != 32:
                raise ValueError(f"{name}: an Ed25519 public key has 32 bytes")
        return keys

    @model_validator(mode="after")
    def _one_of_both(self) -> UpdateSettings:
        if self.root is not None and self.trusted_keys:
            raise ValueError("root and trusted_keys: name one of the two")
        return self

    def raw_keys(self) -> dict[str, bytes]:
        return {name: base64.b64decode(key) for name, key in self.trusted_keys.items()}


AttributeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
AttributeValue = Annotated[str, Field(min_length=1, max_length=64)]


class Settings(_Section):
    """All settings of an agent, as its TOML file has them."""

    device: DeviceId
    attributes: dict[AttributeName, AttributeValue] = {}
    """What devices are grouped by, such as ``site`` and ``kind``. A machine file's name is the
    ``kind`` where none is given; ``firmware`` is the agent's version."""
    data: Path = Path("/var/lib/lineal-edge")
    """Folder of everything that must outlive a restart."""
    source: SerializeAsAny[SourceSettings] = Field(
        default={"kind": "serial"}, validate_default=True
    )
    """``kind`` names one that is installed, and says which settings there are."""
    broker: Broker = Broker()
    publishing: Publishing = Publishing()
    outbox: OutboxSettings = OutboxSettings()
    scoring: ScoringSettings = ScoringSettings()
    update: UpdateSettings = UpdateSettings()
    health_seconds: Annotated[float, Field(gt=0)] = 60.0

    @field_validator("attributes")
    @classmethod
    def _names_no_firmware(cls, attributes: dict[str, str]) -> dict[str, str]:
        if "firmware" in attributes:
            raise ValueError("firmware is the agent's version, and is not set")
        return attributes

    @field_validator("source", mode="before")
    @classmethod
    def _of_its_kind(cls, value: object) -> object:
        return read_source(value) if isinstance(value, Mapping) else value

    @property
    def outbox_file(self) -> Path:
        return self.data / "outbox.db"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def agent(self) -> Path:
        """Of releases of the agent itself."""
        return self.data / "agent"

    @property
    def identity(self) -> Path:
        return self.data / "identity"

    def digest(self) -> str:
        """SHA-256 (hex) of the settings. They hold no secrets, only the names of files that do."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def read_settings(file: Path) -> Settings:
    """Read a settings file.

    Raises:
        BadSettings: it cannot be read, is not TOML, or a setting is unknown or out of range.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        return Settings.model_validate(tomllib.loads(text))
    except OSError as error:
        raise BadSettings(f"{file}: {error.strerror}") from error
    except ValidationError as error:
        problems = [
            f"{file}:{line_of(text, place)}: {'.'.join(place) or 'settings'}: {message}"
            for place, message in _problems(error)
        ]
        raise BadSettings("\n".join(problems)) from error
    except ValueError as error:
        raise BadSettings(f"{file} is not TOML: {error}") from error


def _problems(error: ValidationError) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where something is wrong, and what; those of a source stand in an error of their own."""
    for one in error.errors(include_url=False):
        place = tuple(map(str, one["loc"]))
        cause: Any = one.get("ctx", {}).get("error")
        if isinstance(cause, ValidationError):
            yield from (((*place, *within), message) for within, message in _problems(cause))
        else:
            yield place, one["msg"].removeprefix("Value error, ")
