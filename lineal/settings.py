"""All settings, from ``lineal.toml`` in the working folder and ``LINEAL_*`` in the environment.

The environment wins. Nested settings are joined by two underscores: ``LINEAL_RETRY__ATTEMPTS=3``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lineal.stages.retry import RetryPolicy
from lineal.stages.runner import RunnerSettings


class RetrySettings(BaseModel):
    """See :class:`lineal.stages.retry.RetryPolicy`."""

    model_config = ConfigDict(extra="forbid")

    attempts: Annotated[int, Field(ge=1)] = RetryPolicy().attempts
    costly_attempts: Annotated[int, Field(ge=1)] = RetryPolicy().costly_attempts
    first_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().first_seconds
    most_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().most_seconds
    total_seconds: Annotated[float, Field(gt=0)] = RetryPolicy().total_seconds


class Settings(BaseSettings):
    """What can be set. Defaults work on a laptop."""

    model_config = SettingsConfigDict(
        env_prefix="LINEAL_", env_nested_delimiter="__", toml_file="lineal.toml", extra="forbid"
    )

    data: Path = Path("data")
    """Folder of everything lineal keeps."""
    inbox: Path = Path("inbox")
    """Folder that ``lineal up`` watches."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8480
    """HTTP port on loopback."""
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
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    """``auto``: for people on a terminal, JSON otherwise."""
    stages: dict[str, dict[str, Any]] = {}
    """Configuration by stage: ``[stages.nlp]``."""

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

    def runner(self) -> RunnerSettings:
        """The bounds of every stage runner."""
        return RunnerSettings(
            lanes=self.lanes,
            prefetch=self.prefetch,
            drain_seconds=self.drain_seconds,
            retry=RetryPolicy(**self.retry.model_dump()),
        )
