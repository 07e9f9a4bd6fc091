"""The runtime's settings and those of installed packages.

They are read from ``lineal.toml`` in the working folder and from ``LINEAL_*`` in the environment.

The environment wins. Nested settings are joined by two underscores: ``LINEAL_RETRY__ATTEMPTS=3``.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from lineal.dependencies.dependency import DependencySettings, Seconds
from lineal.former_settings import former_names, with_moved_sections
from lineal.observability.tracing_settings import TracingSettings
from lineal.plugins import SkippedPlugin, plugins
from lineal.registry.settings import RegistrySettings
from lineal.setting_names import misspelt_variable
from lineal.settings_sections import InstalledSettings, TopLevelSettings, installed_settings
from lineal.stages.retry import RetryPolicy
from lineal.stages.runner import RunnerSettings

M = TypeVar("M", bound=BaseModel)


class RetrySettings(BaseModel):
    """See :class:`lineal.stages.retry.RetryPolicy`."""

    model_config = ConfigDict(extra="forbid")
    _former_names = former_names(max_seconds="most_seconds")

    attempts: Annotated[int, Field(ge=1)] = RetryPolicy().attempts
    costly_attempts: Annotated[int, Field(ge=1)] = RetryPolicy().costly_attempts
    first_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().first_seconds
    max_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().max_seconds
    total_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().total_seconds
    delays: dict[str, tuple[Seconds, ...]] = {}
    """By stage, in the place of what it declares as ``retry_delays``; an empty list: none."""


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


class Settings(BaseSettings):
    """What can be set, that of installed packages included. Defaults work on a laptop."""

    model_config = SettingsConfigDict(
        env_prefix="LINEAL_", env_nested_delimiter="__", toml_file="lineal.toml", extra="forbid"
    )

    data: Path = Path("data")
    """Folder of everything lineal keeps."""
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
    broker_types: tuple[str, ...] | None = None
    """Event types, beside those of your own, that others may write to the topics of a shared
    broker; none: the open types of the installed producers."""
    upload_mb: Annotated[int, Field(ge=1)] = 1024
    """Largest HTTP upload."""
    bus: str = "sqlite:"
    """URL of the bus; ``sqlite:`` is the embedded one, in the data folder."""
    store: str = "sqlite:"
    """URL of ledger, metadata, memo and search; ``sqlite:`` is the data folder's own database."""
    objects: str = "file:"
    """Where objects above 64 KiB are; ``file:`` is the data folder."""
    durability: Literal["full", "normal"] = "full"
    """``full``: every commit is synced to the disk; ``normal``: a power cut may lose the last."""
    workers: Annotated[int, Field(ge=1)] = os.cpu_count() or 2
    """Worker processes, for what takes long."""
    worker_memory_mb: Annotated[int, Field(ge=256)] = 4096
    """Address space a worker may use."""
    worker_seconds: Annotated[float, Field(gt=0)] = 300.0
    """Limit of a task that does not state its own."""
    worker_sandbox: bool = True
    """Whether worker processes run without the daemon's environment, network, and writing outside
    of a scratch folder, and read only what they work with; off for stages of one's own that need
    these in ``ctx.run``."""
    worker_reads: tuple[Path, ...] = ()
    """Files and folders that sandboxed workers may read besides."""
    handler_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """Limit of a call of a stage's function that does not state its own, without what it waits
    for a worker process."""
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
    tracing: TracingSettings = TracingSettings()
    registry: RegistrySettings = RegistrySettings()
    dependencies: dict[str, DependencySettings] = {}
    """How what stages call is called, by its name: ``[dependencies.payments]``; changes what the
    stages declare."""
    stages: dict[str, dict[str, Any]] = {}
    """Configuration by stage: ``[stages.nlp]``."""
    producers: dict[str, dict[str, Any]] = {}
    """Configuration by producer, of those whose package brings no section of settings."""

    @model_validator(mode="before")
    @classmethod
    def _take_sections_of_producers(cls, values: Any) -> Any:
        """Some producers were configured by ``[producers.NAME]`` and have a section now."""
        return with_moved_sections(values, _installed().models)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            _Environment(settings_cls),
            TomlConfigSettingsSource(settings_cls),
            _DerivedSettings(settings_cls),
        )

    def __new__(cls, *_: Any, **__: Any) -> Self:
        # With a field for every setting of an installed package: the environment is read for
        # fields only. They are looked for now, since a package may itself import this module.
        return super().__new__(cast(type[Self], all_settings()) if cls is Settings else cls)

    def __reduce__(self) -> tuple[Any, ...]:
        return Settings.__new__, (Settings,), self.__getstate__()

    def section(self, model: type[M]) -> M:
        """The settings that a package brings, as the model that it names under the entry points
        ``lineal.settings``; defaults where it is not installed."""
        if issubclass(model, TopLevelSettings):
            names = (name for name in model.model_fields if hasattr(self, name))
            given = self.model_fields_set & model.model_fields.keys()
            return model.model_construct(given, **{name: getattr(self, name) for name in names})
        for name, installed in _installed().models.items():
            if installed is model:
                chosen: M = getattr(self, name, None) or model()
                return chosen
        return model()

    def with_section(self, section: BaseModel) -> Self:
        """A copy with other settings of a package."""
        if isinstance(section, TopLevelSettings):
            given = {name: getattr(section, name) for name in section.model_fields_set}
            return self.model_copy(update=given)
        models = _installed().models
        name = next(name for name, model in models.items() if isinstance(section, model))
        return self.model_copy(update={name: section})

    def runner(self) -> RunnerSettings:
        """The bounds of every stage runner."""
        return RunnerSettings(
            lanes=self.lanes,
            prefetch=self.prefetch,
            drain_seconds=self.drain_seconds,
            retry=RetryPolicy(**self.retry.model_dump(exclude={"delays"})),
        )


class _Environment(EnvSettingsSource):
    """Refuses a variable that is nearly one of ours."""

    def __call__(self) -> dict[str, Any]:
        for name in map(str.upper, self.env_vars):
            if name.startswith(self.env_prefix) and (
                problem := misspelt_variable(name, self.settings_cls, self.env_prefix)
            ):
                raise SettingsError(problem)
        return super().__call__()


class _DerivedSettings(PydanticBaseSettingsSource):
    """What packages derive from what is set and from files of their own; anything set wins.

    A package names a function under the entry points ``lineal.derived_settings``: it is given what
    is set so far and answers with settings, nested as in ``lineal.toml``.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # asked for field by field only by sources that have no __call__

    def __call__(self) -> dict[str, Any]:
        derived: dict[str, Any] = {}
        for derive in plugins("lineal.derived_settings").loaded.values():
            derived = _joined(derived, derive(self.current_state))
        return derived


def _joined(settings: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    joined = dict(settings)
    for name, value in more.items():
        both = isinstance(value, dict) and isinstance(joined.get(name), dict)
        joined[name] = _joined(joined[name], value) if both else value
    return joined


def _installed() -> InstalledSettings:
    return installed_settings(frozenset(Settings.model_fields))


def skipped_settings() -> tuple[SkippedPlugin, ...]:
    """Settings of packages that are left out, and why."""
    return _installed().skipped


@cache
def all_settings() -> type[Settings]:
    """The settings with a field for each that an installed package brings."""
    extended: type[Settings] = create_model(
        "Settings", __base__=Settings, __module__=__name__, **_installed().fields()
    )
    return extended
