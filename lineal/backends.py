"""Opens the bus, store and object store that the settings name; imports only those."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import AsyncExitStack

from lineal.bus.embedded.bus import EmbeddedBus
from lineal.bus.marks import Marks, open_marks
from lineal.bus.protocol import Bus, TopicSettings
from lineal.errors import UnsupportedSetting
from lineal.observability.spans import SpanExporter, messaging_system
from lineal.registry.protocol import Codec
from lineal.settings import Settings
from lineal.store.blobs import Blobs, FileBlobs
from lineal.store.connection import POSTGRES, Store
from lineal.store.database import Database
from lineal.store.objects import ObjectStore


@contextlib.contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Imports of an extra. One that is not installed is an :class:`UnsupportedSetting`."""
    try:
        yield
    except ImportError as error:
        raise UnsupportedSetting(
            f"{what} needs `pip install 'lineal[{extra}]'` ({error})"
        ) from error


async def open_store(settings: Settings, database: Database, stack: AsyncExitStack) -> Store:
    """The store of ledger, metadata and memo: the data folder's own database, or Postgres.

    Raises:
        UnsupportedSetting: ``settings.store`` names no store there is.
        StoreUnavailable: it cannot be reached now.
        StoreRejected, IncompatibleDatabase: it cannot be used as it is.
    """
    if settings.store == "sqlite:":
        return database
    return await open_shared_store(settings, stack)


async def open_shared_store(settings: Settings, stack: AsyncExitStack) -> Store:
    """A store that is not in a data folder, closed when the stack is.

    Raises:
        As :func:`open_store`.
    """
    if not settings.store.startswith(POSTGRES):
        kind = settings.store.partition(":")[0]  # the rest may hold a password
        raise UnsupportedSetting(f"store '{kind}:': there are 'sqlite:' and 'postgresql://'")
    from lineal.store.postgres.store import PostgresStore

    store = PostgresStore(settings.store)
    await store.open()
    stack.push_async_callback(store.close)
    return store


async def open_blobs(settings: Settings, files: FileBlobs, stack: AsyncExitStack) -> Blobs:
    """Where large objects are: in the data folder, or in a bucket.

    Raises:
        UnsupportedSetting, MalformedBucket: ``settings.objects`` names no place there is.
        StoreUnavailable: it cannot be reached.
    """
    if settings.objects == "file:":
        return files
    if settings.objects.startswith("s3:"):
        with needs("aws", "a bucket for objects"):
            from lineal.store.s3 import open_s3_blobs, parse_bucket
        cache = files.sibling("cache")
        cache.remove_unfinished()
        bucket = parse_bucket(settings.objects)
        return await stack.enter_async_context(open_s3_blobs(bucket, cache))
    raise unsupported_objects(settings.objects)


async def open_spans(settings: Settings, stack: AsyncExitStack) -> SpanExporter | None:
    """What exports spans, closed when the stack is; None unless the settings or the variables of
    OpenTelemetry name a collector.

    Raises:
        UnsupportedSetting: OpenTelemetry is not installed.
    """
    if not settings.tracing.enabled:
        return None
    with needs("otel", "exporting spans ([tracing], OTEL_EXPORTER_OTLP_ENDPOINT)"):
        from lineal.observability.otlp import OtlpExporter
    exporter = OtlpExporter(settings.tracing, messaging_system(settings.bus))
    # It waits for the collector: the loop is not to.
    stack.push_async_callback(asyncio.to_thread, exporter.close)
    return exporter


async def open_codec(settings: Settings, stack: AsyncExitStack) -> Codec | None:
    """What reads and writes data by a schema registry; None unless the settings name one.

    Raises:
        UnsupportedSetting: what it needs is not installed.
    """
    if settings.registry.url is None:
        return None
    with needs("registry", "a schema registry ([registry])"):
        from lineal.registry.client import RegistryClient
        from lineal.registry.codec import ForeignCodec
    return ForeignCodec(await stack.enter_async_context(RegistryClient(settings.registry)))


async def open_bus_marks(settings: Settings, store: Store) -> Marks | None:
    """What events are marked with; None for the embedded bus, which only we write to.

    Raises:
        StoreUnavailable
    """
    if settings.bus == "sqlite:":
        return None
    secrets = settings.mark_secrets
    return await open_marks(store, None if secrets is None else secrets.get_secret_value())


async def open_bus(
    settings: Settings,
    database: Database,
    store: Store,
    objects: ObjectStore,
    stack: AsyncExitStack,
    marks: Marks | None = None,
) -> Bus:
    """The bus, closed when the stack is.

    Args:
        marks: what is published on a shared broker is marked with.

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
    if settings.bus.startswith("aws:"):
        with needs("aws", "the bus on AWS"):
            from lineal.bus.aws.address import parse_address
            from lineal.bus.aws.bus import open_aws_bus
        return await stack.enter_async_context(
            open_aws_bus(
                parse_address(settings.bus),
                store,
                objects,
                lease_seconds=settings.lease_seconds,
                marks=marks,
            )
        )
    if settings.bus.startswith("kafka://"):
        with needs("kafka", "the bus on Kafka"):
            from lineal.bus.kafka.bus import KafkaBus
        kafka = KafkaBus(
            brokers_of(settings.bus), settings.kafka, settings.data, topic_settings, marks
        )
        await kafka.open()
        stack.push_async_callback(kafka.close)
        return kafka
    raise unsupported_bus(settings.bus)


def brokers_of(url: str) -> list[str]:
    """The brokers that ``kafka://HOST:PORT[,HOST:PORT...]`` names.

    Raises:
        UnsupportedSetting: none.
    """
    brokers = [item for item in url.removeprefix("kafka://").strip("/").split(",") if item]
    if not brokers:
        raise UnsupportedSetting("bus 'kafka://': it names no broker; say kafka://HOST:PORT")
    return brokers


def unsupported_bus(url: str) -> UnsupportedSetting:
    """There is no such bus."""
    return UnsupportedSetting(
        f"bus {url!r}: there are 'sqlite:', 'kafka://HOST:PORT' and 'aws://REGION'"
    )


def unsupported_objects(url: str) -> UnsupportedSetting:
    """There is no such place for large objects."""
    return UnsupportedSetting(f"objects {url!r}: there are 'file:' and 's3://BUCKET'")
