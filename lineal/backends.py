"""Which bus, store and blobs the settings name. What is not used is not imported."""

from __future__ import annotations

from contextlib import AsyncExitStack

from lineal.bus.embedded.bus import EmbeddedBus
from lineal.bus.protocol import Bus, TopicSettings
from lineal.settings import Settings
from lineal.store.blobs import Blobs
from lineal.store.connection import Store
from lineal.store.database import Database
from lineal.store.objects import ObjectStore


class UnsupportedSetting(ValueError):
    """A URL in the settings names nothing that this lineal has."""


async def open_store(settings: Settings, database: Database, stack: AsyncExitStack) -> Store:
    """The store of ledger, metadata and memo: the data folder's own database, or Postgres.

    Raises:
        UnsupportedSetting: ``settings.store`` names no store there is.
        StoreUnavailable: it cannot be reached.
    """
    if settings.store == "sqlite:":
        return database
    raise UnsupportedSetting(f"store {settings.store!r}: there are 'sqlite:' and 'postgresql://'")


async def open_blobs(settings: Settings, files: Blobs, stack: AsyncExitStack) -> Blobs:
    """Where large objects are: in the data folder, or in a bucket.

    Raises:
        UnsupportedSetting: ``settings.objects`` names no place there is.
    """
    if settings.objects == "file:":
        return files
    raise UnsupportedSetting(f"objects {settings.objects!r}: there are 'file:' and 's3://BUCKET'")


async def open_bus(
    settings: Settings,
    database: Database,
    store: Store,
    objects: ObjectStore,
    stack: AsyncExitStack,
) -> Bus:
    """The bus, closed when the stack is.

    Raises:
        UnsupportedSetting: ``settings.bus`` names no bus there is, or one that cannot do with the
            store.
        BusUnavailable: it cannot be reached.
    """
    topic_settings = TopicSettings(
        partitions=settings.partitions, retention_seconds=settings.retention_seconds
    )
    if settings.bus == "sqlite:":
        if store is not database:
            raise UnsupportedSetting(
                "the embedded bus keeps everything in one transaction: its store is 'sqlite:'"
            )
        bus = EmbeddedBus(
            database, lease_seconds=settings.lease_seconds, topic_settings=topic_settings
        )
        stack.push_async_callback(bus.close)
        return bus
    raise UnsupportedSetting(
        f"bus {settings.bus!r}: there are 'sqlite:', 'kafka://HOST:PORT' and 'aws://REGION'"
    )
