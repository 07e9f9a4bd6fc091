"""All settings, from ``lineal.toml`` in the working folder and ``LINEAL_*`` in the environment.

The environment wins. Nested settings are joined by two underscores: ``LINEAL_RETRY__ATTEMPTS=3``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lineal.former_settings import former_names
from lineal.stages.retry import RetryPolicy
from lineal.stages.runner import RunnerSettings


class RetrySettings(BaseModel):
    """See :class:`lineal.stages.retry.RetryPolicy`."""

    model_config = ConfigDict(extra="forbid")
    _former_names = former_names(max_seconds="most_seconds")

    attempts: Annotated[int, Field(ge=1)] = RetryPolicy().attempts
    costly_attempts: Annotated[int, Field(ge=1)] = RetryPolicy().costly_attempts
    first_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().first_seconds
    max_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().max_seconds
    total_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().total_seconds


class KafkaSettings(BaseModel):
    """The bus on Kafka: ``LINEAL_BUS=kafka://HOST:PORT[,HOST:PORT...]``."""

    model_config = ConfigDict(extra="forbid")
    _former_names = former_names(member_id="slot")

    prefix: str | None = None
    """Before the names of topics, groups and transactions: several buses may share a cluster."""
    member_id: str | None = None
    """The prefix of the static member ids of this machine's workers (``group.instance.id``); none:
    made from its host name and data folder. A restarted worker gets its predecessor's partitions
    by it."""
    session_seconds: Annotated[float, Field(ge=1)] = 10.0
    """How long a worker that gives no sign keeps its partitions."""
    transaction_seconds: Annotated[float, Field(ge=1)] = 10.0
    """How long the transaction of a dead worker may hold back those who read what it wrote to."""
    away_seconds: Annotated[float, Field(gt=0)] = 15.0
    """How long who reads a topic (a replay, a migration) waits for brokers that are away: a restart
    takes some seconds. Never less than six times ``transaction_seconds``."""
    replication: Annotated[int, Field(ge=1)] | None = None
    """Copies of new topics; none: as the brokers say."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ca_file: str | None = None
    """Certificate authorities to trust; none: the system's."""
    certificate_file: str | None = None
    key_file: str | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = (
        "SCRAM-SHA-512"
    )
    username: str | None = None
    password: Annotated[str | None, Field(repr=False)] = None
    token_file: str | None = None
    """File with the OAUTHBEARER token, read again for every connection."""
    token_command: str | None = None
    """Command that prints the OAUTHBEARER token."""


class LogSettings(BaseModel):
    """The transparency log over the ledger: see docs/proof.md."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    """Whether daemons extend and sign it."""
    origin: str | None = None
    """Name of a new log, as a URL without its scheme; none: this machine's name and chance. Taken
    when the key is made: a log's name never changes."""
    key: Path | None = None
    """File of the key that signs it, made on first use; none: ``log.key`` in the data folder."""
    key_password: SecretStr | None = None
    """Encrypts the key file."""
    checkpoints: Path | None = None
    """Directory of its checkpoints, best on another disk; none: ``checkpoints`` in the data
    folder."""
    kept_seconds: Annotated[float, Field(ge=0)] = 10.0
    """A copy of a checkpoint is kept, and published on the bus, at most so often."""
    policy: Path | None = None
    """File that names the witnesses, and how many must sign (C2SP tlog-policy); none: no
    witnesses."""
    witness_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Witnesses are asked at most so often."""

    def key_file(self, data: Path) -> Path:
        """Where the key is, of a data folder."""
        return self.key or data / "log.key"

    def checkpoint_folder(self, data: Path) -> Path:
        """Where checkpoints are, of a data folder."""
        return self.checkpoints or data / "checkpoints"


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
    username: str | None = None
    password: SecretStr | None = None
    client_id: str = "lineal-bridge"
    """Of several bridges with the same id one works and the others are on standby."""
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


class WatchedFolder(BaseModel):
    """A folder to watch, and whose the files are that are dropped there."""

    model_config = ConfigDict(extra="forbid")

    path: Path
    owner: Annotated[str, Field(min_length=1)] | None = None
    labels: dict[str, str] = {}


class Settings(BaseSettings):
    """What can be set. Defaults work on a laptop."""

    model_config = SettingsConfigDict(
        env_prefix="LINEAL_", env_nested_delimiter="__", toml_file="lineal.toml", extra="forbid"
    )

    data: Path = Path("data")
    """Folder of everything lineal keeps."""
    inbox: Path = Path("inbox")
    """Folder that ``lineal up`` watches."""
    inboxes: tuple[WatchedFolder, ...] = ()
    """Folders that it watches, each with its owner and labels: in place of the default ``inbox``,
    and beside one that is set."""
    inbox_file_mb: Annotated[int, Field(ge=1)] = 1024
    """Largest file that is taken from it."""
    inbox_stable_seconds: Annotated[float, Field(ge=0.05)] = 0.5
    """How long a file there must have been unchanged before it is taken."""
    inbox_unfinished_seconds: Annotated[float, Field(ge=0)] = 10.0
    """The same for a file that is empty, or has not the end that files of its kind have: a scanner
    may close and reopen it between two pages."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8480
    """HTTP port on loopback."""
    listen: str = "127.0.0.1"
    """Address that HTTP listens on. Any but a loopback one lets other machines in: then
    there must be an ``http_token``."""
    http_token: SecretStr | None = None
    """Bearer token of an owner, of at least 22 characters."""
    mark_secrets: SecretStr | None = None
    """What events on a shared broker are marked with: the newest first, older ones that are
    accepted behind commas. None: keys that the store holds."""
    broker_types: tuple[str, ...] = ("document.arrived",)
    """Event types, beside those of your own, that others may write to the topics of a shared
    broker."""
    upload_mb: Annotated[int, Field(ge=1)] = 1024
    """Largest HTTP upload."""
    tenant: str = "default"
    """The same bytes are the same document within a tenant."""
    bus: str = "sqlite:"
    """URL of the bus; ``sqlite:`` is the embedded one, in the data folder."""
    store: str = "sqlite:"
    """URL of ledger, metadata, memo and search; ``sqlite:`` is the data folder's own database."""
    objects: str = "file:"
    """Where objects above 64 KiB are; ``file:`` is the data folder."""
    durability: Literal["full", "normal"] = "full"
    """``full``: every commit is synced to the disk; ``normal``: a power cut may lose the last."""
    workers: Annotated[int, Field(ge=1)] = os.cpu_count() or 2
    """Worker processes for OCR, parsing and language."""
    worker_memory_mb: Annotated[int, Field(ge=256)] = 4096
    """Address space a worker may use."""
    worker_seconds: Annotated[float, Field(gt=0)] = 300.0
    """Limit of a task that does not state its own."""
    worker_sandbox: bool = True
    """Whether worker processes run without the daemon's environment, network, and writing outside
    of a scratch folder; off for stages of one's own that need these in ``ctx.run``."""
    handler_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """Limit of a call of a stage's function that does not state its own, waiting for worker
    processes included."""
    partitions: Annotated[int, Field(ge=1)] = 8
    """Partitions of new topics: how many processes can share a stage."""
    retention_seconds: Annotated[int, Field(ge=1)] | None = None
    """Events older than this are removed once every group has handled them; none: kept for ever."""
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long a worker that hangs keeps its partitions; a dead one is noticed within a second."""
    lanes: Annotated[int, Field(ge=1)] = RunnerSettings().lanes
    prefetch: Annotated[int, Field(ge=1)] = RunnerSettings().prefetch
    drain_seconds: Annotated[float, Field(ge=0)] = RunnerSettings().drain_seconds
    retry: RetrySettings = RetrySettings()
    kafka: KafkaSettings = KafkaSettings()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    """``auto``: for people on a terminal, JSON otherwise."""
    log: LogSettings = LogSettings()
    mqtt: MqttSettings = MqttSettings()
    stages: dict[str, dict[str, Any]] = {}
    """Configuration by stage: ``[stages.nlp]``."""
    producers: dict[str, dict[str, Any]] = {}
    """Configuration by producer: ``[producers.imap]``."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def watched_folders(self) -> tuple[WatchedFolder, ...]:
        """All folders to watch; at least one."""
        if self.inboxes and "inbox" not in self.model_fields_set:
            return self.inboxes
        return (WatchedFolder(path=self.inbox), *self.inboxes)

    def runner(self) -> RunnerSettings:
        """The bounds of every stage runner."""
        return RunnerSettings(
            lanes=self.lanes,
            prefetch=self.prefetch,
            drain_seconds=self.drain_seconds,
            retry=RetryPolicy(**self.retry.model_dump()),
        )
