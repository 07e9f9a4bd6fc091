"""A process's connection to one data folder: its database, bus and objects."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from lineal.bus.embedded.bus import EmbeddedBus
from lineal.bus.protocol import TopicSettings
from lineal.lineage.actor import this_worker
from lineal.settings import Settings
from lineal.stages.binding import BoundStage
from lineal.stages.declaration import Stage
from lineal.stages.services import Services, Workers
from lineal.store.database import Database
from lineal.store.objects import EmbeddedObjects
from lineal.workers.turns import ANYBODY, Caller

R = TypeVar("R")


class UnsupportedBus(ValueError):
    """The bus URL names no bus this lineal has."""


class WrongConfiguration(ValueError):
    """A stage's configuration does not fit it."""


class NoWorkers:
    """In place of a worker pool, where no stage is run."""

    async def run(
        self,
        function: Callable[..., R],
        *arguments: object,
        caller: Caller = ANYBODY,
        seconds: float | None = None,
    ) -> R:
        raise RuntimeError("no worker pool is running in this process")


@dataclass(slots=True)
class Runtime:
    """Use :func:`open_runtime`."""

    settings: Settings
    database: Database
    bus: EmbeddedBus
    objects: EmbeddedObjects

    def bind(self, stage: Stage, workers: Workers | None = None) -> BoundStage:
        """A stage with its configuration from the settings.

        Raises:
            WrongConfiguration: what the settings say under ``stages.<name>`` does not fit.
        """
        services = Services(
            reader=self.database.reader,
            objects=self.objects,
            workers=workers or NoWorkers(),
            worker_name=this_worker(),
        )
        try:
            config = stage.config.model_validate(self.settings.stages.get(stage.name, {}))
        except ValidationError as error:
            raise WrongConfiguration(f"settings [stages.{stage.name}]: {error}") from error
        return BoundStage(stage, config, services)


@contextlib.asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Open the data folder, made if missing, for as long as the context lasts.

    Raises:
        UnsupportedBus: ``settings.bus`` names another bus than the embedded one.
        IncompatibleDatabase, OSError, sqlite3.Error: the data folder cannot be used.
    """
    if settings.bus != "sqlite:":
        raise UnsupportedBus(f"bus {settings.bus!r}: this lineal has only 'sqlite:'")
    database = Database(settings.data, durability=settings.durability)
    database.open()
    bus = EmbeddedBus(
        database,
        lease_seconds=settings.lease_seconds,
        topic_settings=TopicSettings(
            partitions=settings.partitions, retention_seconds=settings.retention_seconds
        ),
    )
    objects = EmbeddedObjects(database)
    try:
        objects.remove_unfinished()
        yield Runtime(settings, database, bus, objects)
    finally:
        await bus.close()
        await database.close()
